"""Turns an answer that is no stream into the exception that says what happened. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from ._exceptions import AccessDenied, HttpStatusError, Throttled
from ._retry import parse_retry_after

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_BODY_BYTES = 64 * 1024
"""How much of such an answer is read: 64 KiB. The rest is not worth waiting for."""

_LONGEST_MESSAGE = 1000
_DENIED_ACTION = re.compile(r"not authorized to perform:? \[?(lambda:InvokeFunction(?:Url)?)\b")
_NO_POLICY_ALLOWS = re.compile(r"policy allows the (lambda:InvokeFunction(?:Url)?) action")


def request_id_of(headers: Mapping[str, str]) -> str | None:
    """The id under which AWS knows a request: Lambda's, else API Gateway's, else CloudFront's."""
    for name in ("x-amzn-requestid", "x-amz-request-id", "x-amz-apigw-id", "x-amz-cf-id"):
        if found := headers.get(name):
            return found
    return None


def refusal(status_code: int, headers: Mapping[str, str], body: bytes) -> HttpStatusError:
    """The exception for an answer outside 200 to 299.

    Args:
        status_code: Its HTTP status.
        headers: Its headers, looked up in lower case.
        body: Its first `LONGEST_BODY_BYTES`, decoded.
    """
    code, message = _read(body)
    code = code or (headers.get("x-amzn-errortype") or "").partition(":")[0] or None
    said = message or "the answer does not say why"
    request_id = request_id_of(headers)
    if status_code == 403:
        missing = _missing_permission(message)
        if missing is not None:
            said = (
                f"the caller lacks the permission {missing} ({said.rstrip('.')}); both lambda:InvokeFunctionUrl and "
                "lambda:InvokeFunction are needed: StreamingFunction.grant_invoke_url gives the two"
            )
        elif code == "AccessDeniedException":
            said = (
                f"{said.rstrip('.')}; the caller may lack one of the two permissions, lambda:InvokeFunctionUrl and "
                "lambda:InvokeFunction, which StreamingFunction.grant_invoke_url gives"
            )
        denied = AccessDenied(f"access denied: {said}", code=code, body=body, status_code=status_code, request_id=request_id)
        denied.missing_permission = missing
        return denied
    if status_code == 429:
        throttled = Throttled(f"throttled: {said}", code=code, body=body, status_code=status_code, request_id=request_id)
        throttled.retry_after_seconds = parse_retry_after(headers.get("retry-after"))
        return throttled
    if 300 <= status_code < 400:
        said = (
            f"the server answers with a redirection to {_place(headers.get('location'))}, which a signed request does not follow"
        )
    return HttpStatusError(said, code=code, body=body, status_code=status_code, request_id=request_id)


def _missing_permission(message: str | None) -> str | None:
    """What an IAM denial names: `User: ... is not authorized to perform: lambda:InvokeFunctionUrl on resource: ...`."""
    found = _DENIED_ACTION.search(message or "") or _NO_POLICY_ALLOWS.search(message or "")
    return found[1] if found else None


def _read(body: bytes) -> tuple[str | None, str | None]:
    """Code and message, from AWS's shape, from `{"error": {...}}`, or from plain text."""
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        text = body.decode("utf-8", "replace").strip()
        return None, None if not text or text.startswith("<") else _one_line(text)
    if isinstance(value, dict):
        inner: Any = value["error"] if isinstance(value.get("error"), (dict, str)) else value
        if isinstance(inner, str):
            return inner, _one_line(str(value.get("error_description") or value.get("message") or inner))
        code = inner.get("code") or inner.get("type") or inner.get("__type") or inner.get("Type") or inner.get("errorType")
        message = inner.get("message") or inner.get("Message") or inner.get("errorMessage") or inner.get("detail")
        return (str(code) if code else None), (_one_line(str(message)) if message else None)
    return None, _one_line(value) if isinstance(value, str) else None


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_MESSAGE else line[:_LONGEST_MESSAGE] + "..."


def _place(location: str | None) -> str:
    return repr((location or "nowhere").partition("?")[0][:200])
