"""A refusal as the caller sees it: AWS's status, headers and JSON, which tell less than the log does.

Sources: a Function URL's access denied, `Message` with a capital:
https://github.com/awsdocs/aws-lambda-developer-guide/issues/494, https://github.com/brikis98/devops-book/pull/12;
its signature faults, `message` in small letters: see `sigv4`. An unsigned request to an AWS_IAM URL is answered like one without
rights (from memory of the service; https://zirkelc.dev/posts/aws-lambda-function-url-iam-cloudfront shows the 403).
The API's words: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from constructs_pkg.emulator.iam.sigv4 import SignatureRefusal

if TYPE_CHECKING:
    from constructs_pkg.emulator.iam.policies import Decision

_FORBIDDEN = "Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"


@dataclass(frozen=True, kw_only=True)
class RefusalResponse:
    """`headers` lack the request id, date and length, which the front adds."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def function_url_refusal(refusal: SignatureRefusal | Decision) -> RefusalResponse:
    """What a Function URL answers."""
    if isinstance(refusal, SignatureRefusal) and refusal.error_type != "MissingAuthenticationTokenException":
        return _response(refusal.status, refusal.error_type, {"message": refusal.message})
    return _response(403, "AccessDeniedException", {"Message": _FORBIDDEN})


def api_refusal(refusal: SignatureRefusal | Decision) -> RefusalResponse:
    """What an AWS JSON API (Lambda's Invoke, Bedrock) answers."""
    if isinstance(refusal, SignatureRefusal):
        return _response(refusal.status, refusal.error_type, {"message": refusal.message})
    caller = refusal.principal.session_arn if refusal.principal else "anonymous"
    if refusal.denied_by:
        because = f"with an explicit deny in {_article(refusal.denied_by)}"
    else:
        because = f"because no {refusal.missing or 'identity-based policy'} allows the {refusal.action} action"
    message = f"User: {caller} is not authorized to perform: {refusal.action} on resource: {refusal.resource} {because}"
    return _response(403, "AccessDeniedException", {"Message": message})


def _article(policy: str) -> str:
    return f"{'an' if policy[0] in 'aeiou' else 'a'} {policy}"


def _response(status: int, error_type: str, body: dict[str, str]) -> RefusalResponse:
    return RefusalResponse(
        status=status,
        headers=(("Content-Type", "application/json"), ("x-amzn-ErrorType", error_type)),
        body=json.dumps(body, separators=(",", ":")).encode(),
    )
