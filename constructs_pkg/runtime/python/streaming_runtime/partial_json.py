"""JSON that has not wholly arrived: what is certain of it so far. Pure.

For structured output that a model streams token by token:

    reader = PartialJson()
    for piece in pieces:
        reader.feed(piece)
        if reader.value is not MISSING:
            show(reader.value)
    answer = reader.close()

What is shown is never taken back: an object gains members, a list gains elements, a string grows at its end; numbers, booleans and
nulls appear once they are complete. A key whose value has not begun is not there yet.

Source: https://www.rfc-editor.org/rfc/rfc8259
"""

from __future__ import annotations

import json
from codecs import getincrementaldecoder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_BYTES = 8 * 1_048_576
MAX_DEPTH = 200
MISSING = object()  # nothing of the value is certain yet
_SPACE = " \t\n\r"
_ENDS_SCALAR = _SPACE + ",]}"
_LITERALS = {"true": True, "false": False, "null": None}
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class PartialJson:
    """Reads one JSON value, in text or in UTF-8 cut anywhere.

    Args:
        max_bytes: Longest document accepted, in bytes of UTF-8 where bytes are fed, else in characters.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max = max_bytes
        self._utf8 = getincrementaldecoder("utf-8")()
        self._text = ""
        self._size = 0

    @property
    def value(self) -> Any:
        """What is certain so far; MISSING where nothing is. Each look reads all that came: look when something can be shown.

        Raises:
            ValueError: `PARTIAL_JSON`: no continuation could make what came so far a JSON value.
        """
        return _Scanner(self._text).read()

    def feed(self, data: str | bytes) -> None:
        """Takes the next piece.

        Raises:
            ValueError: `PARTIAL_JSON` for bytes that are not UTF-8, and for a document that is too long.
        """
        self._size += len(data)
        if self._size > self._max:
            raise _wrong(f"more than {self._max} bytes", "fewer", "ask the model for less, or raise max_bytes")
        if isinstance(data, str):
            self._text += data
            return
        try:
            self._text += self._utf8.decode(data)
        except UnicodeDecodeError as error:
            raise _wrong("bytes that are not UTF-8", "JSON in UTF-8", "feed what the model wrote") from error

    def close(self) -> Any:
        """The whole value.

        Raises:
            ValueError: `PARTIAL_JSON`: what came is not a whole JSON value.
        """
        try:
            self._utf8.decode(b"", True)
            return json.loads(self._text, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise _wrong("no whole JSON value", "one", "check the model's finish reason: it may have been cut off") from error


class _Cut(Exception):
    """The text ends here."""


class _Scanner:
    """One pass over the text, building the value in place, so that what is certain stands when the text ends."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def read(self) -> Any:
        box: list[Any] = []
        try:
            self._skip()
            self._value(box.append, 0)
            while self._at < len(self._text):
                if self._text[self._at] not in _SPACE:
                    raise self._unexpected()
                self._at += 1
        except _Cut:
            pass  # what is certain stands in the box
        return box[0] if box else MISSING

    def _value(self, put: Any, depth: int) -> None:
        character = self._text[self._at]
        if character == '"':
            self._string(put)
        elif character in "{[":
            if depth >= MAX_DEPTH:
                raise _wrong(f"more than {MAX_DEPTH} levels", "fewer", "ask the model for a flatter value")
            self._at += 1
            if character == "{":
                members: dict[str, Any] = {}
                put(members)
                self._object(members, depth)
            else:
                elements: list[Any] = []
                put(elements)
                self._array(elements, depth)
        else:
            self._scalar(put)

    def _object(self, members: dict[str, Any], depth: int) -> None:
        self._skip()
        if self._take("}"):
            return
        while True:
            if self._text[self._at] != '"':
                raise self._unexpected()
            keys: list[str] = []
            self._string(keys.append, whole=True)
            key = keys[0]
            # Of a repeated key the last counts: what the first one said would have to be taken back.
            if key in members:
                raise _wrong("a repeated key", "each key once", "feed what the model wrote, or ask it again")
            self._skip()
            if not self._take(":"):
                raise self._unexpected()
            self._skip()

            def put(value: Any, key: str = key) -> None:
                members[key] = value

            self._value(put, depth + 1)
            self._skip()
            if self._take("}"):
                return
            if not self._take(","):
                raise self._unexpected()
            self._skip()

    def _array(self, elements: list[Any], depth: int) -> None:
        self._skip()
        if self._take("]"):
            return
        while True:
            self._value(elements.append, depth + 1)
            self._skip()
            if self._take("]"):
                return
            if not self._take(","):
                raise self._unexpected()
            self._skip()

    def _string(self, put: Any, *, whole: bool = False) -> None:
        """Puts what the string says so far; with `whole`, only once it is complete."""
        text, at, pieces = self._text, self._at + 1, []
        while True:
            start = at
            while at < len(text) and text[at] not in '"\\' and text[at] >= " ":
                at += 1
            pieces.append(text[start:at])
            if at == len(text):
                break
            if text[at] == '"':
                self._at = at + 1
                put("".join(pieces))
                return
            if text[at] != "\\":
                self._at = at
                raise self._unexpected()
            said, after = self._escape(at)
            if after == at:
                break
            pieces.append(said)
            at = after
        self._at = len(text)
        if not whole:
            put("".join(pieces))
        raise _Cut

    def _escape(self, at: int) -> tuple[str, int]:
        """What the escape at `at` says and where it ends; `at` itself where it is cut, or where its other half is."""
        text = self._text
        kind = text[at + 1 : at + 2]
        if kind != "u":
            if not kind:
                return "", at
            if kind not in _ESCAPES:
                self._at = at + 1
                raise self._unexpected()
            return _ESCAPES[kind], at + 2
        code = self._hex(at + 2)
        if code is None:
            return "", at
        if 0xD800 <= code < 0xDC00:
            follows = text[at + 6 : at + 8]
            if len(follows) < 2 and "\\u".startswith(follows):
                return "", at
            if follows == "\\u":
                low = self._hex(at + 8)
                if low is None:
                    return "", at
                if 0xDC00 <= low < 0xE000:
                    return chr(0x10000 + ((code - 0xD800) << 10) + low - 0xDC00), at + 12
        return chr(code), at + 6

    def _hex(self, at: int) -> int | None:
        digits = self._text[at : at + 4]
        for index, digit in enumerate(digits):
            if digit not in "0123456789abcdefABCDEF":
                self._at = at + index
                raise self._unexpected()
        return int(digits, 16) if len(digits) == 4 else None

    def _scalar(self, put: Any) -> None:
        """A number or a literal: certain only once something follows it."""
        text, start = self._text, self._at
        end = start
        while end < len(text) and text[end] not in _ENDS_SCALAR:
            end += 1
        word = text[start:end]
        if end == len(text):
            if not _may_become_scalar(word):
                raise self._unexpected()
            self._at = end
            raise _Cut
        self._at = end
        if word in _LITERALS:
            put(_LITERALS[word])
            return
        try:
            value = json.loads(word, parse_constant=_refuse)
        except ValueError:
            self._at = start
            raise self._unexpected() from None
        put(value)

    def _skip(self) -> None:
        text = self._text
        while self._at < len(text) and text[self._at] in _SPACE:
            self._at += 1
        if self._at == len(text):
            raise _Cut

    def _take(self, character: str) -> bool:
        if self._text[self._at] == character:
            self._at += 1
            return True
        return False

    def _unexpected(self) -> ValueError:
        return _wrong(
            f"something unexpected at character {self._at}", "JSON", "feed what the model wrote, without fences around it"
        )


def _may_become_scalar(word: str) -> bool:
    """Whether digits could still follow and make a number or a literal of it."""
    if any(literal.startswith(word) for literal in _LITERALS):
        return True
    for more in ("", "0", "+0"):
        try:
            json.loads(word + more, parse_constant=_refuse)
        except ValueError:
            continue
        return True
    return False


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _wrong(found: str, allowed: str, mend: str) -> ValueError:
    """The text itself is left out of the message: it is the user's."""
    return ValueError(f"PARTIAL_JSON: found {found}; allowed: {allowed}; {mend}")
