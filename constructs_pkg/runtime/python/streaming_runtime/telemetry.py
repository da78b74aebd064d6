"""What one stream was like, told once at its end: to the handler's hooks, and to CloudWatch as one record in its embedded metric format.

While the stream runs, only times are noted. Neither prompts nor answers are in the record: it holds counts, times and names.

Sources: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html and, for the
names that begin with gen_ai, https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/
"""

from __future__ import annotations

from time import time

from . import logs
from .events import compact_json
from .json_text import quoted_ascii as _text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from .events import Usage
    from .request import Request

    Hook: TypeAlias = Callable[["StreamReport"], object]

NAMESPACE = "StreamingLambda"
OUTCOMES = {
    "completed": "Completed",
    "errored": "Errored",
    "interrupted": "Truncated",
    "cancelled": "Cancelled",
    "deadline": "Deadline",
}
_UNITS = {
    "TimeToFirstByte": "Milliseconds",
    "gen_ai.server.time_to_first_token": "Seconds",  # nosec B105
    "gen_ai.server.time_per_output_token": "Seconds",  # nosec B105
    "gen_ai.server.request.duration": "Seconds",
    "gen_ai.usage.input_tokens": "Count",
    "gen_ai.usage.output_tokens": "Count",
    "TokensPerSecond": "Count/Second",
    "LongestGap": "Milliseconds",
    "BytesStreamed": "Bytes",
    "ChunksStreamed": "Count",
    **dict.fromkeys(OUTCOMES.values(), "Count"),
}


class Hooks:
    """What a handler's author wants to be told. Each is called in the handler's thread; what it raises is logged and changes nothing.

    Attributes:
        on_start: Before the handler runs.
        on_first_byte: Soon after the first byte left.
        on_finish: After a stream that completed.
        on_abort: After any other.
    """

    __slots__ = ("on_abort", "on_finish", "on_first_byte", "on_start")

    def __init__(
        self,
        on_start: Hook | None = None,
        on_first_byte: Hook | None = None,
        on_finish: Hook | None = None,
        on_abort: Hook | None = None,
    ) -> None:
        self.on_start = on_start
        self.on_first_byte = on_first_byte
        self.on_finish = on_finish
        self.on_abort = on_abort


NO_HOOKS = Hooks()


class StreamReport:
    """A stream so far. Times in seconds; None where it is not known, or not yet.

    Attributes:
        request: What was asked.
        outcome: "completed", "errored", "interrupted" (the Runtime API broke it off), "cancelled" or "deadline"; empty until then.
        finish_reason: As the handler's Finish said it.
        usage: As the handler's Finish said it.
        bytes_sent: Of the answer, with what Lambda takes off again in front of it.
        chunks_sent: HTTP chunks.
        longest_gap: Longest silence between two events of the handler.
        texts: How many pieces of text it yielded.
    """

    # How every report begins; said once for all of them, as it is said before every first byte.
    first_byte_at: float | None = None
    first_event_at: float | None = None
    last_event_at = float("inf")  # so that the first event's gap is none
    longest_gap = 0.0
    ended_at: float | None = None
    outcome = ""
    finish_reason: str | None = None
    usage: Usage | None = None
    texts = 0
    bytes_sent = 0
    chunks_sent = 0

    def __init__(self, request: Request, now: float) -> None:
        self.request = request
        self.started_at = now

    @property
    def time_to_first_byte(self) -> float | None:
        """From the invocation's arrival to the first byte."""
        return self._since_start(self.first_byte_at)

    @property
    def time_to_first_token(self) -> float | None:
        """From the invocation's arrival to the first event of the answer, as the handler yielded it."""
        return self._since_start(self.first_event_at)

    @property
    def duration(self) -> float | None:
        """From the invocation's arrival to the end."""
        return self._since_start(self.ended_at)

    @property
    def output_tokens(self) -> int:
        """As the handler's Finish said it, else the number of pieces of text, which with most models is the same."""
        return self.texts if self.usage is None else self.usage.output_tokens

    @property
    def time_per_output_token(self) -> float | None:
        """Time for each token after the first; None below two tokens."""
        tokens = self.output_tokens
        if tokens < 2 or self.first_event_at is None:
            return None
        return (self.last_event_at - self.first_event_at) / (tokens - 1)

    def _since_start(self, at: float | None) -> float | None:
        return None if at is None else max(0.0, at - self.started_at)


def tell(hook: Hook | None, report: StreamReport) -> None:
    """Calls a hook, where there is one."""
    if hook is not None:
        try:
            hook(report)
        except Exception as error:  # noqa: BLE001 - an observer changes nothing; what went wrong with it belongs in the log
            logs.log_exception(error)


def write(report: StreamReport, function_name: str, function_arn: str, dialect: str) -> None:
    """Writes the record. Without a function's name there is nobody to read it, and nothing is written."""
    if function_name:
        logs.write(record(report, function_name, function_arn, dialect, int(time() * 1000)), logs.LEVELS["INFO"])


def record(report: StreamReport, function_name: str, function_arn: str, dialect: str, now_ms: int) -> str:
    """The record, one line of JSON. Pure.

    Its dimensions are those of Lambda's own metrics of an alias: `FunctionName`, and `Resource` as `name` or `name:alias`. It is put
    together from its parts, most of which are the same each time: `json.dumps` of the whole would be a fifth of what an invocation costs.

    Args:
        report: Of a stream that is over.
        function_name: As Lambda names the function.
        function_arn: As the caller named it, with alias or version.
        dialect: The answer's; empty where it had none.
        now_ms: The present, in milliseconds since 1970.
    """
    values = _values(report)
    described = f'"requestId":{_text(report.request.id)},"outcome":"{report.outcome}"'
    if dialect:
        described += f',"dialect":"{dialect}"'
    if report.finish_reason is not None:
        described += f',"gen_ai.response.finish_reasons":[{_text(report.finish_reason)}]'
    directive, numbers = _templates_of(function_name, function_arn, tuple(values))
    return f'{{"_aws":{{"Timestamp":{now_ms},{directive},{numbers % (*values.values(),)},{described}}}'


def _values(report: StreamReport) -> dict[str, float]:
    """What is known, in the units of _UNITS."""
    started, usage = report.started_at, report.usage
    values: dict[str, float] = {}
    if report.first_byte_at is not None:
        values["TimeToFirstByte"] = (report.first_byte_at - started) * 1000
    if report.first_event_at is not None:
        values["gen_ai.server.time_to_first_token"] = report.first_event_at - started
        values["LongestGap"] = report.longest_gap * 1000
        per_token = report.time_per_output_token if report.texts > 1 or usage is not None else None
        if per_token is not None:
            values["gen_ai.server.time_per_output_token"] = per_token
            if per_token:
                values["TokensPerSecond"] = 1 / per_token
    if report.ended_at is not None:
        values["gen_ai.server.request.duration"] = report.ended_at - started
    if usage is not None:
        if usage.input_tokens is not None:
            values["gen_ai.usage.input_tokens"] = usage.input_tokens
        values["gen_ai.usage.output_tokens"] = usage.output_tokens
    elif report.texts:
        values["gen_ai.usage.output_tokens"] = report.texts
    values["BytesStreamed"] = report.bytes_sent
    values["ChunksStreamed"] = report.chunks_sent
    values[OUTCOMES[report.outcome]] = 1
    return values


def _templates_of(function_name: str, function_arn: str, metrics: tuple[str, ...]) -> tuple[str, str]:
    """What is the same for all records with these metrics of this alias or version, there being few of either: what says what they are, and
    the metrics, to be filled in.
    """
    key = (function_name, function_arn, metrics)
    known = _templates.get(key)
    if known is None:
        named = [{"Name": metric, "Unit": _UNITS[metric]} for metric in metrics]
        directive = {"Namespace": NAMESPACE, "Dimensions": [["FunctionName", "Resource"]], "Metrics": named}
        resource = ":".join((function_name, *function_arn.split(":")[7:8]))
        dimensions = compact_json({"FunctionName": function_name, "Resource": resource})[1:-1]
        numbers = ",".join(f'"{metric}":%{".6f" if _UNITS[metric] in _FRACTIONS else "d"}' for metric in metrics)
        known = f'"CloudWatchMetrics":{compact_json([directive]).decode()}}},{dimensions.decode()}', numbers
        if len(_templates) < _MOST_TEMPLATES:
            _templates[key] = known
    return known


_templates: dict[tuple[str, str, tuple[str, ...]], tuple[str, str]] = {}
_MOST_TEMPLATES = 64
_FRACTIONS = ("Milliseconds", "Seconds", "Count/Second")
