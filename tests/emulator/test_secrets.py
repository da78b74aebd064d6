"""What callers send to prove who they are reaches no log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.support import call

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "sk-a-key-of-another-service-0123456789"
OK = "def handler(event, context):\n    yield 'ok'\n"


@pytest.mark.parametrize("authorization", [f"Bearer {SECRET}", SECRET, f"AWS4-HMAC-SHA256 {SECRET}"])
def test_a_token_where_a_signature_belongs_is_not_logged(
    authorization: str, app: Any, emulate: Callable[..., Any], logs: Any
) -> None:
    app.function("Fn", OK)
    app.rest_api("Api", {"POST /": {}})
    emulator = emulate(app)
    document = emulator.json()
    for url in (document["functions"][0]["url"], document["rest_apis"][0]["url"]):
        response = call(url, headers={"Authorization": authorization, "X-Amz-Date": "20261123T100000Z"})
        assert response.status == 403
        response.read()
    said = logs.having("403 POST")
    assert len(said) == 2, "each refusal says why"
    assert all("sign the request" in line for line in said)
    assert logs.having(SECRET) == []
