"""JSON without the package `json`: its C half alone, which is what does the work.

`json` loads `re` and `enum` for what that half does not need, and with them all that these need: a third of what starting Python
takes, at each cold start. What comes of it is the same, value by value and character by character; tests hold the two together.
Where the C half is another one than CPython has had since 3.1, `json` does it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_SPACE = " \t\n\r"
_CONSTANTS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


class _Reading:
    """How the scanner reads, as `json.JSONDecoder` has it."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int

    def __init__(self, parse_constant: Callable[[str], Any]) -> None:
        self.parse_constant = parse_constant
        self.memo: dict[str, str] = {}


def _unknown(value: object) -> Any:
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


try:
    from _json import encode_basestring as quoted
    from _json import encode_basestring_ascii as quoted_ascii
    from _json import make_encoder, make_scanner

    _scan = make_scanner(_Reading(_CONSTANTS.__getitem__))  # type: ignore[arg-type]  # any object with these names
    _scan_strictly = make_scanner(_Reading(_refuse))  # type: ignore[arg-type]
    make_encoder({}, _unknown, quoted, None, ":", ",", False, False, False)
except (ImportError, TypeError, AttributeError):
    import json
    from json.encoder import encode_basestring as quoted
    from json.encoder import encode_basestring_ascii as quoted_ascii

    def loads(text: str, strict: bool = False) -> Any:
        """The value of a JSON text."""
        return json.loads(text, parse_constant=_refuse) if strict else json.loads(text)

    def dumps(value: Any, ascii_only: bool = False, allow_nan: bool = False) -> str:
        """A compact JSON text."""
        return json.dumps(value, ensure_ascii=ascii_only, allow_nan=allow_nan, separators=(",", ":"))

else:

    def loads(text: str, strict: bool = False) -> Any:
        """The value of a JSON text.

        Args:
            text: As a string.
            strict: Whether NaN and Infinity, which are not JSON, are refused.

        Raises:
            ValueError: It is not JSON.
            RecursionError: It is nested too deep.
        """
        text = text.strip(_SPACE)
        try:
            value, end = (_scan_strictly if strict else _scan)(text, 0)
        except StopIteration as stop:
            raise ValueError(f"Expecting value: char {stop.value}") from None
        if end != len(text):
            raise ValueError(f"Extra data: char {end}")
        return value

    def dumps(value: Any, ascii_only: bool = False, allow_nan: bool = False) -> str:
        """A compact JSON text.

        Args:
            value: What JSON can say.
            ascii_only: Whether everything else is escaped.
            allow_nan: Whether NaN and infinities, which are not JSON, are written.

        Raises:
            TypeError, ValueError: It is something that JSON cannot say.
            RecursionError: It is nested too deep.
        """
        encode = make_encoder({}, _unknown, quoted_ascii if ascii_only else quoted, None, ":", ",", False, False, allow_nan)
        return "".join(encode(value, 0))


__all__ = ["dumps", "loads", "quoted", "quoted_ascii"]
