"""What the runtime keeps to for every stream: chunk size, gathering, heartbeat, deadline, longest stream, compression, redaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NoReturn

from ._tokens import is_token, text

_RANGES: Final[dict[str, tuple[str, int, int]]] = {
    # field: (environment variable of the runtime, lowest, highest)
    "max_chunk_bytes": ("STREAM_MAX_CHUNK_BYTES", 1024, 1_048_576),
    "flush_interval_microseconds": ("STREAM_FLUSH_INTERVAL_MICROSECONDS", 0, 100_000),
    "heartbeat_seconds": ("STREAM_HEARTBEAT_SECONDS", 0, 300),
    "deadline_margin_ms": ("STREAM_DEADLINE_MARGIN_MS", 50, 60_000),
    "max_duration_seconds": ("STREAM_MAX_DURATION_SECONDS", 1, 900),
}
REDACTIONS: Final = ("email", "phone", "card-number", "iban", "us-ssn", "aws-access-key-id", "aws-secret-access-key")


@dataclass(frozen=True, kw_only=True)
class StreamLimits:
    """The bounds that the runtime keeps for every stream of a function. They reach it as environment variables.

    Attributes:
        max_chunk_bytes: Largest HTTP chunk that is put on the wire; a larger event spans several. Default: 65536 (64 KiB).
            Allowed: 1024 to 1048576.
        flush_interval_microseconds: How long a burst of tokens may be gathered into one chunk. A token that comes alone is
            sent at once whatever this says. Default: 500. Allowed: 0 to 100000.
        heartbeat_seconds: Longest silence on the wire before the dialect's heartbeat is sent. It has to be below the idle
            timeout of whatever stands in front (CloudFront: 30 s by default). Default: 15. 0 sends none.
        deadline_margin_ms: How long before Lambda's own timeout the stream is ended in good order, so that the caller sees an
            end and not a cut. Default: 1000. Allowed: 50 to 60000.
        max_duration_seconds: Longest stream, counted from the invocation. Default: none but the function's timeout.
            Allowed: 1 to 900.
        compression: Whether answers of text leave as gzip, flushed with everything that is sent, where the caller accepts it and nothing
            on the way speaks against it: never through CloudFront. Default: "auto". Allowed: "auto", "off".
        redact: What is taken out of everything that leaves, by name: "email", "phone", "card-number", "iban", "us-ssn",
            "aws-access-key-id", "aws-secret-access-key". Text that could become one of them is held back until it is decided. The
            handler needs a dialect of text. Default: nothing.

    Raises:
        ValueError: `LIMIT_OUT_OF_RANGE` when a number is not an integer within its range, `LIMIT_CHOICE` when a word is not one of
            those allowed.
    """

    max_chunk_bytes: int = 65_536
    flush_interval_microseconds: int = 500
    heartbeat_seconds: int = 15
    deadline_margin_ms: int = 1_000
    max_duration_seconds: int | None = None
    compression: Literal["auto", "off"] = "auto"
    redact: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field, (_, lowest, highest) in _RANGES.items():
            value = getattr(self, field)
            if value is None and field == "max_duration_seconds":
                continue
            if is_token(value):
                continue  # the runtime refuses what is out of its range, when it starts
            if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
                raise ValueError(
                    f"LIMIT_OUT_OF_RANGE: {field} is {value!r}; it takes an integer from {lowest} to {highest}. "
                    f"Set StreamLimits({field}=...) within that range."
                )

        if self.compression not in ("auto", "off"):
            _refuse_choice("compression", self.compression, ("auto", "off"))
        if isinstance(self.redact, str) or not all(name in REDACTIONS for name in self.redact):
            _refuse_choice("redact", self.redact, REDACTIONS)
        object.__setattr__(
            self, "redact", tuple(self.redact)
        )  # JSON, where an organisation's defaults may stand, has lists alone

    def to_environment(self) -> dict[str, str]:
        """The environment variables by which the runtime learns these limits."""
        values = {variable: getattr(self, field) for field, (variable, _, _) in _RANGES.items()}
        numbers = {variable: text(value) for variable, value in values.items() if value is not None}
        redacted = {"STREAM_REDACT": ",".join(self.redact)} if self.redact else {}
        return {**numbers, "STREAM_COMPRESSION": self.compression, **redacted}


def _refuse_choice(field: str, found: object, allowed: tuple[str, ...]) -> NoReturn:
    raise ValueError(
        f"LIMIT_CHOICE: {field} is {found!r}; it takes {', '.join(allowed)}. Set StreamLimits({field}=...) to "
        f"{'one' if field == 'compression' else 'a tuple'} of these."
    )
