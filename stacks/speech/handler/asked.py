"""What a caller sends: a recording, or where it lies. Pure: raises what the caller got wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audio import Audio, read_wav

from streaming_runtime import BadRequest

if TYPE_CHECKING:
    from streaming_runtime import Request

FOLDER = "recordings/"
CONTENT_TYPES = ("application/json", "application/octet-stream", "audio/*")
_KEY = re.compile(r"[A-Za-z0-9!_.*'()/-]{1,900}", re.ASCII)
_WAV = ("audio/wav", "audio/wave", "audio/x-wav", "audio/vnd.wave")
_RAW = ("audio/pcm", "application/octet-stream")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request that was found good. Of `data` and `key` one is there.

    Attributes:
        data: The recording itself, a WAV file or raw samples.
        key: Where it lies in the bucket, below `recordings/`.
        rate: Samples a second of raw samples; None for a WAV file, which says it itself.
    """

    data: bytes | None
    key: str | None
    rate: int | None

    @classmethod
    def parse(cls, request: Request) -> Asked:
        """Checks a request.

        Raises:
            BadRequest: Something in it is wrong.
        """
        kind = str(request.headers.get("content-type", "")).partition(";")[0].strip().lower()
        if kind == "application/json":
            return cls._named(request.json())
        if not request.body:
            raise BadRequest("The request has no body; send a recording, or its key as JSON.")
        if kind in _WAV:
            return cls(data=request.body, key=None, rate=None)
        if kind in _RAW:
            return cls(data=request.body, key=None, rate=_rate(request.query.get("rate")))
        raise BadRequest(
            "Send audio/wav, audio/pcm with ?rate=, or application/json with a key.",
            code="unsupported_audio",
            param="content-type",
        )

    @classmethod
    def _named(cls, body: Any) -> Asked:
        if not isinstance(body, dict) or body.keys() - {"key", "rate"} or not isinstance(body.get("key"), str):
            raise BadRequest("The body holds 'key', and 'rate' where the recording is raw samples.", param="key")
        key, rate = body["key"], body.get("rate")
        if not key.startswith(FOLDER) or not _KEY.fullmatch(key) or ".." in key:
            raise BadRequest(f"'key' begins with {FOLDER} and has letters, digits and !_.*'()/- in it.", param="key")
        if rate is not None and (isinstance(rate, bool) or not isinstance(rate, int)):
            raise BadRequest("'rate' is a whole number.", param="rate")
        return cls(data=None, key=key, rate=None if rate is None else _rate(str(rate)))

    def audio(self, data: bytes) -> Audio:
        """The samples of what was sent, or was found under the key."""
        return read_wav(data) if self.rate is None else Audio(rate=self.rate, pcm=data)


def _rate(text: str | None) -> int:
    if text is None or not re.fullmatch(r"[1-9][0-9]{2,5}", text, re.ASCII):
        raise BadRequest("Raw samples need their 'rate', in samples a second, as in ?rate=16000.", param="rate")
    return int(text)
