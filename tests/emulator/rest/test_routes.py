"""Which method a request is for."""

from __future__ import annotations

import pytest

from constructs_pkg.emulator.rest.model import Integration, Method
from constructs_pkg.emulator.rest.routes import find_method


def method(route: str) -> Method:
    verb, path = route.split(" ")
    return Method(
        resource_id="r",
        path=path,
        verb=verb,
        authorization="NONE",
        authorizer=None,
        scopes=(),
        needs_api_key=False,
        required=(),
        models={},
        checks_body=False,
        checks_parameters=False,
        integration=Integration(kind="MOCK"),
    )


ROUTES = [
    method(route) for route in ("ANY /", "GET /a", "ANY /a", "POST /a/{id}", "POST /a/fixed", "ANY /a/{rest+}", "GET /b/{x}/c")
]


@pytest.mark.parametrize(
    ("request_line", "route", "parameters"),
    [
        ("GET /", "ANY /", {}),
        ("GET /a", "GET /a", {}),
        ("PUT /a", "ANY /a", {}),
        ("GET /a/", "GET /a", {}),
        ("POST /a/fixed", "POST /a/fixed", {}),
        ("POST /a/7", "POST /a/{id}", {"id": "7"}),
        ("GET /a/7", "ANY /a/{rest+}", {"rest": "7"}),
        ("POST /a/7/8", "ANY /a/{rest+}", {"rest": "7/8"}),
        ("GET /b/x%2Fy/c", "GET /b/{x}/c", {"x": "x%2Fy"}),
    ],
)
def test_the_most_exact_route_wins(request_line: str, route: str, parameters: dict[str, str]) -> None:
    verb, path = request_line.split(" ")
    found = find_method(ROUTES, verb, path)
    assert found is not None
    assert (f"{found[0].verb} {found[0].path}", found[1]) == (route, parameters)


@pytest.mark.parametrize("request_line", ["GET /c", "GET /b", "GET /b/x", "POST /b/x/c", "GET /b/x/c/d"])
def test_what_no_route_is_for_is_not_found(request_line: str) -> None:
    assert find_method(ROUTES, *request_line.split(" ")) is None
