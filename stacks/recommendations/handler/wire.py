"""The two forms in which a ranking travels, and which of them a caller wants. Pure."""

from __future__ import annotations

import json
from typing import Any

NDJSON = "application/x-ndjson"
SSE = "text/event-stream"
DIALECTS = {NDJSON: "ndjson", SSE: "sse"}


def preferred(accept: str) -> str | None:
    """The form that an Accept header likes best, NDJSON among equals; None where it takes neither.

    Source: https://www.rfc-editor.org/rfc/rfc9110#name-accept
    """
    best: tuple[float, str] | None = None
    for form in (NDJSON, SSE):
        likings = [found for part in (accept or "*/*").split(",") if (found := _liking(part, form)) is not None]
        quality = max(likings)[1] if likings else 0.0  # the most specific range decides
        if quality > 0 and (best is None or quality > best[0]):
            best = (quality, form)
    return None if best is None else best[1]


def _liking(part: str, form: str) -> tuple[int, float] | None:
    """How specifically a media range names a form, and how much it likes it; None where it does not name it."""
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    ranges = ("*/*", form.partition("/")[0] + "/*", form)
    if name not in ranges:
        return None
    quality = next((value for parameter in parameters for key, _, value in [parameter.partition("=")] if key == "q"), "1")
    try:
        return ranges.index(name), float(quality)
    except ValueError:
        return ranges.index(name), 0.0


def event(form: str, name: str, value: dict[str, Any]) -> bytes:
    """One event in a form. Names and terminals are those of the runtime's dialects, so its clients read them."""
    if form == SSE:
        return f"event: {name}\ndata: {_json(value)}\n\n".encode()
    return f"{_json({'type': name, 'data': value})}\n".encode()


def finish(form: str) -> bytes:
    """The last event of a stream that is whole."""
    return _end(form, "finish", {"reason": "stop", "usage": None})


def error(form: str, code: str, message: str) -> bytes:
    """The last event of a stream that is not."""
    return _end(form, "error", {"code": code, "message": message})


def _end(form: str, name: str, value: dict[str, Any]) -> bytes:
    return event(form, name, value) if form == SSE else f"{_json({'type': name, **value})}\n".encode()


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
