"""Who comes in reaches what is kept warm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._rule import Found, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .model import Endpoint, StreamingApp


@rule("ENDPOINT_MISSES_WARM_ALIAS", "an endpoint that passes by the alias with the provisioned concurrency")
def endpoint_misses_warm_alias(app: StreamingApp) -> Iterator[Found]:
    """A Function URL or a REST method on $LATEST or on another alias never uses what is paid for."""
    for endpoint in app.endpoints:
        function = app.function(endpoint.called)
        warm = [alias for alias in app.aliases_of(function) if alias.is_warm] if function else []
        if not warm or endpoint.called.qualifier in [alias.function.qualifier for alias in warm]:
            continue
        names = " and ".join(str(alias.function.qualifier) for alias in warm)
        what = "the Function URL" if endpoint.is_url else "the method"
        reached = f"the alias {endpoint.called.qualifier}" if endpoint.called.qualifier else "$LATEST"
        yield Found(
            endpoint.resource,
            f"{what} calls {reached}{_fronts(app, endpoint)}, while provisioned concurrency is on {names}: every request may start cold, and "
            "the warm environments are billed for nothing",
            f"Point it to the alias {names}.",
            "Qualifier" if endpoint.is_url else "Integration.Uri",
        )


def _fronts(app: StreamingApp, endpoint: Endpoint) -> str:
    fronts = sorted({origin.resource.path for origin in app.origins if endpoint in origin.behind})
    return f" (and {', '.join(fronts)} with it)" if fronts else ""
