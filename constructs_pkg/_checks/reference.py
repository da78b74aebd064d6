"""How templates name a function: by name, by partial or whole ARN, with or without a qualifier, or inside an integration's URI."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from constructs_pkg.assembly import StackTemplate

_INTEGRATION: Final = re.compile(r"/functions/(arn:[^/]+)/(?:response-streaming-)?invocations$")


class FunctionReference(NamedTuple):
    """A function and what of it is meant.

    Attributes:
        arn: The function's, without a qualifier.
        qualifier: An alias or a version; None for $LATEST.
    """

    arn: str
    qualifier: str | None = None

    def __str__(self) -> str:
        return f"{self.arn}:{self.qualifier}" if self.qualifier else self.arn


def reference(value: Any, stack: StackTemplate) -> FunctionReference | None:
    """What a property that names a function means; None where it names none."""
    if not isinstance(value, str) or not value:
        return None
    parts = value.split(":")
    if parts[0] == "arn":
        if len(parts) < 7:
            return None
        return _latest_is_none(":".join(parts[:7]), parts[7] if len(parts) > 7 else None)
    account, name, *rest = (parts[0], *parts[2:]) if len(parts) >= 3 and parts[1] == "function" else (stack.account, *parts)
    arn = f"arn:{stack.partition}:lambda:{stack.region}:{account}:function:{name}"
    return _latest_is_none(arn, rest[0] if rest else None)


def integration_function(uri: Any, stack: StackTemplate) -> FunctionReference | None:
    """The function that an API Gateway integration calls; None where it calls none."""
    found = _INTEGRATION.search(uri) if isinstance(uri, str) else None
    return reference(found[1], stack) if found else None


def _latest_is_none(arn: str, qualifier: str | None) -> FunctionReference:
    return FunctionReference(arn, None if qualifier == "$LATEST" else qualifier)
