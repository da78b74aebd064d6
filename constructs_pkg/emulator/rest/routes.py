"""Which method a request is for. Pure.

A fixed segment goes before a `{name}`, that before a `{name+}`; a method's own verb before ANY.
Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-settings-method-request.html and LocalStack's
tests validated on AWS (tests/aws/services/apigateway).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from constructs_pkg.emulator.rest.model import Method


def find_method(methods: Iterable[Method], verb: str, path: str) -> tuple[Method, Mapping[str, str]] | None:
    """The method for a request, and its path parameters as they were sent; None where there is none.

    Args:
        methods: The API's.
        verb: `POST`.
        path: The path without the stage, percent-encoded, from its slash on.
    """
    best: tuple[tuple[int, ...], bool, Method, dict[str, str]] | None = None
    for method in methods:
        if method.verb not in (verb, "ANY") or not method.path:
            continue
        matched = _match(method.path, path)
        if matched is None:
            continue
        ranks, parameters = matched
        candidate = (ranks, method.verb == "ANY", method, parameters)
        if best is None or candidate[:2] < best[:2]:
            best = candidate
    return None if best is None else (best[2], best[3])


def _match(pattern: str, path: str) -> tuple[tuple[int, ...], dict[str, str]] | None:
    wanted = [part for part in pattern.split("/") if part]
    given = [part for part in path.split("/") if part]
    ranks: list[int] = []
    parameters: dict[str, str] = {}
    for number, part in enumerate(wanted):
        if part.startswith("{") and part.endswith("+}"):
            rest = given[number:]
            if not rest:
                return None
            parameters[part[1:-2]] = "/".join(rest)
            return (*ranks, 2), parameters
        if number >= len(given):
            return None
        if part.startswith("{") and part.endswith("}"):
            parameters[part[1:-1]] = given[number]
            ranks.append(1)
        elif part == given[number]:
            ranks.append(0)
        else:
            return None
    return (tuple(ranks), parameters) if len(given) == len(wanted) else None
