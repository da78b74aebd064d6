"""Wildcards, policy variables and ARNs, as IAM reads them.

Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html and
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

Variables = Callable[[str], str | None]
"""Gives a policy variable's value by context key, None where the request has none or several."""

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_LITERALS = {"*": "*", "?": "?", "$": "$"}
# The value of a variable counts as it is, wildcards in it too; these stand in for `*` and `?` until the pattern is compiled.
_STAR, _MARK = "\ue000", "\ue001"


def no_variables(key: str) -> str | None:
    """For policies older than 2012-10-17, in which `${x}` is just text."""
    return "${" + key + "}"


def substitute(pattern: str, variables: Variables) -> str | None:
    """A pattern with its `${variables}` filled in; None where one has no value and no default, so that nothing can match."""
    missing = False

    def value(match: re.Match[str]) -> str:
        nonlocal missing
        name, comma, default = (part.strip() for part in match.group(1).partition(","))
        if name in _LITERALS:
            found: str | None = _LITERALS[name]
        else:
            found = variables(name)
            if found is None and comma:
                found = default.strip("'")
        if found is None:
            missing = True
            return ""
        return found.replace("*", _STAR).replace("?", _MARK)

    filled = _VARIABLE.sub(value, pattern)
    return None if missing else filled


def literal(filled: str) -> str:
    """What `substitute` gives, for comparing without wildcards."""
    return filled.replace(_STAR, "*").replace(_MARK, "?")


def matches(pattern: str, text: str, variables: Variables = no_variables, *, ignore_case: bool = False) -> bool:
    """Whether a text fits a pattern in which `*` is any run of characters and `?` any one, across all of it."""
    filled = substitute(pattern, variables)
    if filled is None:
        return False
    return _compiled(filled, ignore_case).fullmatch(text) is not None


def arn_matches(pattern: str, arn: str, variables: Variables = no_variables) -> bool:
    """Whether an ARN fits a pattern part by part: a wildcard does not reach past a colon, but for the last of the six parts."""
    filled = substitute(pattern, variables)
    if filled is None:
        return False
    if filled == "*":
        return True
    wanted, found = filled.split(":", 5), arn.split(":", 5)
    return len(wanted) == len(found) == 6 and all(
        _compiled(part, ignore_case=False).fullmatch(text) is not None for part, text in zip(wanted, found, strict=True)
    )


def account_of(arn: str) -> str:
    """The account in an ARN; empty where it names none (Bedrock's foundation models)."""
    parts = arn.split(":")
    return parts[4] if len(parts) > 5 else ""


@lru_cache(maxsize=4096)
def _compiled(filled: str, ignore_case: bool) -> re.Pattern[str]:
    # Runs of stars are one star: `***x` would otherwise be searched in exponential time.
    tokens = re.sub(r"\*+", "*", filled)
    source = "".join({"*": ".*", "?": "."}.get(character) or re.escape(literal(character)) for character in tokens)
    return re.compile(source, re.DOTALL | (re.IGNORECASE if ignore_case else 0))
