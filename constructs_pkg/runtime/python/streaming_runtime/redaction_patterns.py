"""What can be taken out: patterns known by name, each with a reason to be sure of what it finds, and patterns of one's own. Pure."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from re import Pattern
    from typing import Any


class Redact:
    r"""A pattern of one's own for `streaming_handler(redact=...)`.

    Args:
        pattern: A regular expression, as source or compiled, whose matches are bounded: `\d{8,12}`, not `\d+`. It may look one character
            ahead and behind (`(?<!x)`, `(?!x)`, `\b`), but has no anchors and no references to groups.
        replacement: What is sent instead. Default: "[REDACTED]". Quotes, backslashes and control characters are refused, as it may come
            to stand within JSON.
        check: Called with a match; false where it is none after all, as with a wrong check digit. Default: every match counts.
        max_length: Longest match in characters, as the author sees it. Default: as the pattern says. A pattern that can match more is
            refused.

    Raises:
        ValueError: `REDACTION_UNBOUNDED` for a pattern without an upper end, `REDACTION_...` for others that cannot be used.
        TypeError: `REDACTION_PATTERN` for what is no pattern of str.
    """

    __slots__ = ("check", "flags", "replacement", "source")

    def __init__(
        self,
        pattern: str | Pattern[str],
        *,
        replacement: str = "[REDACTED]",
        check: Callable[[str], bool] | None = None,
        max_length: int | None = None,
    ) -> None:
        given: Any = pattern
        self.source: str = getattr(given, "pattern", given)
        self.flags: int = getattr(given, "flags", 0)
        if not isinstance(self.source, str):
            raise TypeError(
                f"REDACTION_PATTERN: found {pattern!r}; allowed: a regular expression of str, as source or compiled; give one of these"
            )
        if not all(character.isprintable() and character not in '"\\' for character in replacement):
            raise ValueError(
                f"REDACTION_REPLACEMENT: found {replacement!r}; allowed: printable characters but quotes and backslashes; choose another"
            )
        self.replacement = replacement
        self.check = check
        from .automaton import Automaton  # and the regular expressions: only where something is redacted

        longest = Automaton([(self.source, self.flags)]).longest
        if max_length is not None and longest > max_length:
            raise ValueError(
                f"REDACTION_TOO_LONG: found {self.source!r}, which matches up to {longest} characters; allowed: the max_length of "
                f"{max_length}; raise it, or lower what its repeats allow"
            )


def has_luhn_digit(text: str) -> bool:
    """Whether the last digit is the check digit of the others, as on every payment card (ISO/IEC 7812-1)."""
    digits = [int(character) for character in reversed(text) if character.isdigit()]
    return sum(digits[::2]) % 10 == -sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2]) % 10


def has_iban_digits(text: str) -> bool:
    """Whether the two check digits fit the rest (ISO 13616-1)."""
    plain = text.replace(" ", "").upper()
    return int("".join(str(int(character, 36)) for character in plain[4:] + plain[:4])) % 97 == 1


def is_mixed(text: str) -> bool:
    """Whether it has small letters, capitals and digits, as random base64 of this length all but always has, and a hash in hex never."""
    return any(map(str.islower, text)) and any(map(str.isupper, text)) and any(map(str.isdigit, text))


# name: pattern, replacement, check
PATTERNS: dict[str, tuple[str, str, Callable[[str], bool] | None]] = {
    # Letters of every script; the last label begins with a letter.
    "email": (r"[\w.%+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_][\w-]{1,62}", "[EMAIL]", None),
    # E.164 with its plus sign: https://www.itu.int/rec/T-REC-E.164/
    "phone": (r"(?<![\w+])\+[1-9](?:[ ().\-/]{0,2}[0-9]){7,14}(?![0-9])", "[PHONE]", None),
    "card-number": (r"(?<![0-9])[0-9](?:[ -]?[0-9]){12,18}(?![0-9])", "[CARD_NUMBER]", has_luhn_digit),
    "iban": (r"(?i:\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,30}\b)", "[IBAN]", has_iban_digits),
    # Without the numbers that are never given out: https://www.ssa.gov/employer/randomization.html
    "us-ssn": (
        (
            r"(?<![0-9-])(?:00[1-9]|0[1-9][0-9]|[1-578][0-9]{2}|6[0-57-9][0-9]|66[0-57-9])[- ]"
            r"(?:0[1-9]|[1-9][0-9])[- ](?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})(?![0-9-])"
        ),
        "[US_SSN]",
        None,
    ),
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
    "aws-access-key-id": (r"(?<![A-Za-z0-9])A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])", "[AWS_ACCESS_KEY_ID]", None),
    "aws-secret-access-key": (r"(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])", "[AWS_SECRET_ACCESS_KEY]", is_mixed),
}


def named(name: str) -> Redact:
    """The pattern of this name.

    Raises:
        ValueError: `REDACTION_NAME` for a name that is none.
    """
    if name not in PATTERNS:
        raise ValueError(
            f"REDACTION_NAME: found {name!r}; allowed: {', '.join(PATTERNS)}; name one of these, or give a pattern as Redact(...)"
        )
    source, replacement, check = PATTERNS[name]
    return Redact(source, replacement=replacement, check=check)
