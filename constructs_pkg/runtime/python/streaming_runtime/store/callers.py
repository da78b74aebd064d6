"""Who a stream belongs to, as the table has it: a hash, so that the table names nobody."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from streaming_runtime.request import Request

ANYBODY = "anonymous"
# What Cognito calls the session of everyone who signed in: it tells nobody apart, and a Function URL's event has nothing else that does.
# https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-request-payload ("Function URLs don't use" cognitoIdentity)
_SHARED_SESSIONS = (":CognitoIdentityCredentials", ":CognitoIdentityCredentialsUnauthenticated")


def caller_of(request: Request, named: str | None = None, cognito_identity: str | None = None) -> str:
    """The caller, as in "iam:AIDA...": the surest of the names there are.

    Args:
        request: What was asked.
        named: The user that the handler's `caller` named.
        cognito_identity: That of a direct invocation, which its context has instead of its event.
    """
    if named:
        return f"handler:{named}"
    context = request.event["requestContext"] if request.is_http else {}
    authorizer = _object(context.get("authorizer"))
    iam = _object(authorizer.get("iam"))
    identity = _object(context.get("identity"))
    cognito = _object(iam.get("cognitoIdentity")).get("identityId") or identity.get("cognitoIdentityId") or cognito_identity
    if cognito:
        return f"cognito:{cognito}"
    caller = iam.get("callerId") or (identity.get("caller") if identity.get("userArn") else None)
    if caller:
        return f"iam:{caller}"
    subject = _object(authorizer.get("claims")).get("sub") or authorizer.get("principalId")
    if subject:
        return f"authorizer:{subject}"
    return ANYBODY


def is_shared(caller: str) -> bool:
    """Whether many people go by this name."""
    return caller == ANYBODY or caller.endswith(_SHARED_SESSIONS)


def owner_of(caller: str) -> str:
    """What the table has in the caller's place."""
    from hashlib import sha256

    return sha256(caller.encode("utf-8", "surrogatepass")).hexdigest()


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
