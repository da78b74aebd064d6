"""The settings that constructs set and operators may change: environment variables, each with a unit, a default and a range."""

from __future__ import annotations

from .errors import InitError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Setting:
    """One environment variable: whole numbers from `low` to `high`; `also` names one value outside them that is taken too."""

    __slots__ = ("also", "default", "high", "low", "name", "unit")

    def __init__(self, name: str, unit: str, default: int | None, low: int, high: int, also: int | None = None) -> None:
        self.name = name
        self.unit = unit
        self.default = default
        self.low = low
        self.high = high
        self.also = also

    def read(self, environ: Mapping[str, str]) -> int | None:
        """The value found, or the default where the variable is unset or empty.

        Raises:
            InitError: `SETTING_INVALID` for anything that is not a whole number within the range.
        """
        text = environ.get(self.name, "").strip()
        if not text:
            return self.default
        if text.isascii() and text.isdigit() and len(text) < 19:
            value = int(text)
            if self.low <= value <= self.high or value == self.also:
                return value
        allowed = f"{self.low} to {self.high} ({self.unit})" + ("" if self.also is None else f", or {self.also}")
        mend = "unset it" if self.default is None else f"unset it for {self.default}"
        raise InitError(
            "Runtime.InvalidSetting", f"SETTING_INVALID: found {self.name}={text!r}; allowed: a whole number, {allowed}; {mend}"
        )


MAX_CHUNK_BYTES = Setting("STREAM_MAX_CHUNK_BYTES", "bytes", 65_536, 1_024, 1_048_576)
FLUSH_INTERVAL = Setting("STREAM_FLUSH_INTERVAL_MICROSECONDS", "microseconds", 500, 0, 100_000)
HEARTBEAT = Setting("STREAM_HEARTBEAT_SECONDS", "seconds", 15, 1, 300, also=0)
DEADLINE_MARGIN = Setting("STREAM_DEADLINE_MARGIN_MS", "milliseconds", 1_000, 50, 60_000)
MAX_DURATION = Setting("STREAM_MAX_DURATION_SECONDS", "seconds", None, 1, 900)
STORE_RETENTION = Setting("STREAM_STORE_RETENTION_SECONDS", "seconds", 3_600, 60, 604_800)
STORE_STREAMS_PER_CALLER = Setting("STREAM_STORE_STREAMS_PER_CALLER", "streams", None, 1, 1_000)
ALL = (
    MAX_CHUNK_BYTES,
    FLUSH_INTERVAL,
    HEARTBEAT,
    DEADLINE_MARGIN,
    MAX_DURATION,
    STORE_RETENTION,
    STORE_STREAMS_PER_CALLER,
)
STORE_TABLE = "STREAM_STORE_TABLE"  # a name or an ARN; unset: there is no store


class Choice:
    """One environment variable: a word, or several with commas between them.

    Args:
        name: The variable.
        allowed: The words.
        default: What counts where it is unset or empty, as it would be written.
        many: Whether several may stand there.
    """

    __slots__ = ("allowed", "default", "many", "name")

    def __init__(self, name: str, allowed: Iterable[str], default: str, *, many: bool = False) -> None:
        self.name = name
        self.allowed = tuple(allowed)
        self.default = default
        self.many = many

    def read(self, environ: Mapping[str, str]) -> tuple[str, ...]:
        """The words found, or the default.

        Raises:
            InitError: `SETTING_INVALID` for a word that is not allowed.
        """
        text = environ.get(self.name, "").strip() or self.default
        words = tuple(word.strip() for word in text.split(",")) if self.many and text else (text,) * bool(text)
        if not all(word in self.allowed for word in words):
            several = ", several with commas between them" if self.many else ""
            raise InitError(
                "Runtime.InvalidSetting",
                f"SETTING_INVALID: found {self.name}={text!r}; allowed: {', '.join(self.allowed)}{several}; "
                f"unset it for {self.default or 'none'}",
            )
        return words


COMPRESSION = Choice("STREAM_COMPRESSION", ("auto", "off"), "auto")
REDACT = Choice(
    "STREAM_REDACT",
    (
        "email",
        "phone",
        "card-number",
        "iban",
        "us-ssn",
        "aws-access-key-id",
        "aws-secret-access-key",
    ),  # redaction_patterns.py has them
    "",
    many=True,
)
CHOICES = (COMPRESSION, REDACT)


class Settings:
    """All settings, read once at init; times in seconds.

    Attributes:
        max_chunk_bytes: Longest HTTP chunk on the wire; a larger event spans several.
        flush_interval: How long a burst may be gathered. 0: every event leaves at once.
        heartbeat: Silence after which a heartbeat is sent. 0: never.
        deadline_margin: How long before Lambda's timeout the stream is ended in order.
        max_duration: Longest stream. None: Lambda's timeout alone.
        compression: Whether answers leave compressed where the caller and the path allow it.
        redact: Names of what is taken out of every answer.
        store_table: DynamoDB table in which streams are kept. Empty: none, and nothing of the store is loaded.
        store_retention: How long after its end a stream can be resumed.
        store_streams_per_caller: How many streams one caller may have at a time. None: any number.
    """

    __slots__ = (
        "compression",
        "deadline_margin",
        "flush_interval",
        "heartbeat",
        "max_chunk_bytes",
        "max_duration",
        "redact",
        "store_retention",
        "store_streams_per_caller",
        "store_table",
    )

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.max_chunk_bytes = _number(MAX_CHUNK_BYTES, environ)
        self.flush_interval = _number(FLUSH_INTERVAL, environ) / 1e6
        self.heartbeat = float(_number(HEARTBEAT, environ))
        self.deadline_margin = _number(DEADLINE_MARGIN, environ) / 1e3
        longest = MAX_DURATION.read(environ)
        self.max_duration = None if longest is None else float(longest)
        self.compression = COMPRESSION.read(environ) == ("auto",)
        self.redact = REDACT.read(environ)
        self.store_table = environ.get(STORE_TABLE, "").strip()
        self.store_retention = _number(STORE_RETENTION, environ)
        self.store_streams_per_caller = STORE_STREAMS_PER_CALLER.read(environ)


def _number(setting: Setting, environ: Mapping[str, str]) -> int:
    value = setting.read(environ)
    assert value is not None, setting.name  # it has a default
    return value
