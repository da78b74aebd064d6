"""What `redact` knows by name: few patterns, each with a reason to be sure of what it finds."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


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
