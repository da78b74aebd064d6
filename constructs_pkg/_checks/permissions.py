"""Nobody holds one of the two permissions that a call of a Function URL needs without the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ._rule import Found, rule
from .grants import Grant, grants, matches, unread_principals

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .model import StreamingApp

_URL: Final = "lambda:InvokeFunctionUrl"
_FUNCTION: Final = "lambda:InvokeFunction"


@rule("HALF_OF_INVOKE_URL", "one of the two permissions that a Function URL asks for, without the other")
def half_of_invoke_url(app: StreamingApp) -> Iterator[Found]:
    """Calls need lambda:InvokeFunctionUrl and, by way of the URL, lambda:InvokeFunction; since November 2026 both are enforced
    (https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html).

    A right to lambda:InvokeFunction that is not bound to the URL is one to call the function directly, and is left alone.
    """
    all_grants = grants(app)
    unread = unread_principals(app)
    url = [grant for grant in all_grants if grant.allows(_URL)]
    function = [grant for grant in all_grants if grant.allows(_FUNCTION) and grant.via_url is not False]
    only_by_url = [grant for grant in function if grant.via_url]
    seen: set[tuple[str, str, str]] = set()
    for held, others, has, lacks in ((url, function, _URL, _FUNCTION), (only_by_url, url, _FUNCTION, _URL)):
        for grant in held:
            key = (grant.resource.path, grant.on, lacks)
            if key in seen or grant.principal in unread or _covered(grant, others):
                continue
            seen.add(key)
            yield Found(
                grant.resource,
                f"{grant.principal} may {has} on {grant.on}, but not {lacks}: a Function URL asks for both and answers 403",
                f"Allow {lacks} too{' (condition: Bool lambda:InvokedViaFunctionUrl true)' if lacks == _FUNCTION else ''}; "
                "grant_invoke_url gives both.",
                grant.location,
            )


def _covered(grant: Grant, others: Iterable[Grant]) -> bool:
    return any(
        other.principal in (grant.principal, "*")
        and set(other.source) <= set(grant.source)
        and (other.on == grant.on or matches(other.on, grant.on))
        for other in others
    )
