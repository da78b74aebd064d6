"""The rows of `local --json`: what runs, and where. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from constructs_pkg.emulator.function_url import FunctionUrlFront
    from constructs_pkg.emulator.iam import Principals
    from constructs_pkg.emulator.rest_api import RestApiFront
    from constructs_pkg.emulator.service import FunctionService


def function_rows(services: Iterable[FunctionService], fronts: Iterable[FunctionUrlFront]) -> list[dict[str, Any]]:
    """One row per function and qualifier; those with a URL first."""
    rows: list[dict[str, Any]] = []
    by_name = {(front.url.function_name, front.url.qualifier): front for front in fronts}
    for service in services:
        function = service.function
        qualifiers: list[str | None] = [alias.name for alias in function.aliases]
        if not qualifiers or (function.name, None) in by_name:
            qualifiers.append(None)
        for qualifier in qualifiers:
            front = by_name.get((function.name, qualifier))
            rows.append(
                {
                    "stack": function.stack,
                    "path": function.path,
                    "logical_id": function.logical_id,
                    "function_name": function.name,
                    "alias": qualifier,
                    "auth_type": front.url.auth_type if front else None,
                    "invoke_mode": front.url.invoke_mode if front else None,
                    "url": front.address if front else None,
                    "broken": service.broken,
                }
            )
    return sorted(rows, key=lambda row: row["url"] is None)


def rest_rows(fronts: Iterable[RestApiFront]) -> list[dict[str, Any]]:
    """One row per REST API and stage. `tokens` stands for a signed-in user of each user pool that an authorizer of it asks."""
    rows: list[dict[str, Any]] = []
    for front in fronts:
        asked = {arn for method in front.api.methods if method.authorizer for arn in method.authorizer.pools}
        tokens = [
            {"user_pool": pool.arn, "id_token": pool.id_token, "access_token": pool.access_token}
            for arn, pool in front.pools.items()
            if arn in asked
        ]
        for stage in front.api.stages:
            row = {"stack": front.api.stack, "path": front.api.path, "url": front.address(stage.name)}
            rows.append({**row, **({"tokens": tokens} if tokens else {})})
    return rows


def principal_rows(principals: Principals) -> Mapping[str, dict[str, str | None]]:
    """Credentials by name."""
    return {
        name: {
            "arn": principal.arn,
            "access_key_id": principal.credentials.access_key_id,
            "secret_access_key": principal.credentials.secret_access_key,
            "session_token": principal.credentials.session_token,
        }
        for name, principal in principals.named.items()
    }
