"""The widgets of the streaming dashboard. All metrics come from the factory; here they only get titles, labels and places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aws_cdk import aws_cloudwatch as cloudwatch

from constructs_pkg._tokens import is_unresolved

from . import metric_names as names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .alarms import StreamAlarms
    from .facts import FunctionFacts
    from .metrics import StreamMetrics

_COLUMNS: Final = 24  # of a CloudWatch dashboard
_THIRD: Final = _COLUMNS // 3
_GRAPH_HEIGHT: Final = 6
_FIGURE_HEIGHT: Final = 4
_ALARMS_A_ROW: Final = 6
_PERCENTILES: Final = ("p50", "p95", "p99")
_Row = list[cloudwatch.IWidget]


def overview(aliases: Mapping[str, StreamMetrics]) -> list[_Row]:
    """Several aliases side by side: one line each."""
    return [
        [_heading("# Streaming endpoints")],
        [
            _graph("Time to first byte p99 (ms)", [m.time_to_first_byte("p99").with_(label=t) for t, m in aliases.items()]),
            _graph("Active streams", [m.active_streams().with_(label=t) for t, m in aliases.items()]),
            _graph("Error rate (%)", [m.error_rate().with_(label=t) for t, m in aliases.items()]),
        ],
    ]


@dataclass(frozen=True, kw_only=True)
class EndpointWidgets:
    """The rows of one alias.

    Attributes:
        title: What people call it.
        metrics: Its metrics over the dashboard's period.
        daily: The same a day.
        hourly: The same an hour.
        facts: Limits to draw in, as far as they are known.
        alarms: Its alarms, where there are any.
        price_per_gb_second: What a GB-second costs, where money is to be shown.
        region: Where it is, for the links.
    """

    title: str
    metrics: StreamMetrics
    daily: StreamMetrics
    hourly: StreamMetrics
    facts: FunctionFacts
    alarms: StreamAlarms | None
    price_per_gb_second: float | None
    region: str

    def rows(self) -> list[_Row]:
        """From top to bottom."""
        alarms = [] if self.alarms is None or not self.alarms.all else [[self._alarm_states(self.alarms)]]
        return [
            [_heading(self._header())],
            *alarms,
            [self._first_byte_now(), self._tokens_now(), self._active_now(), self._errors_now(), self._spent_today()],
            [self._first_byte(), self._tokens(), self._active()],
            [self._outcomes(), self._url(), self._refusals()],
            [self._duration(), self._init(), self._spent()],
        ]

    def _header(self) -> str:
        function = f"https://console.aws.amazon.com/lambda/home?region={self.region}#/functions/{self.metrics.function_name}"
        traces = f"https://console.aws.amazon.com/cloudwatch/home?region={self.region}#xray:traces/query"
        return f"## {self.title}\n`{self.metrics.resource}` · [function and logs]({function}?tab=monitoring) · [traces]({traces})"

    def _alarm_states(self, alarms: StreamAlarms) -> cloudwatch.IWidget:
        shown: list[cloudwatch.IAlarm] = [*alarms.all, *([alarms.paging] if alarms.paging is not None else [])]
        return cloudwatch.AlarmStatusWidget(
            title="Alarms",
            alarms=shown,
            width=_COLUMNS,
            height=1 + -(-len(shown) // _ALARMS_A_ROW),
            sort_by=cloudwatch.AlarmStatusWidgetSortBy.STATE_UPDATED_TIMESTAMP,
        )

    # Figures.

    def _first_byte_now(self) -> cloudwatch.IWidget:
        return _figure("Time to first byte (ms)", _percentiles(self.metrics), width=_THIRD)

    def _tokens_now(self) -> cloudwatch.IWidget:
        return _figure("Tokens per second", [self.metrics.runtime.tokens_per_second("p50").with_(label="a stream, median")])

    def _active_now(self) -> cloudwatch.IWidget:
        return _figure("Active streams", [self.metrics.active_streams().with_(label="most at a time")])

    def _errors_now(self) -> cloudwatch.IWidget:
        return _figure("Error rate", [self.metrics.error_rate().with_(label="% of invocations")])

    def _spent_today(self) -> cloudwatch.IWidget:
        # A day's data point begins at midnight UTC, and the last one is the day under way.
        return _figure(f"{self._unit_spent} today (UTC)", [self._spending(self.daily)], start="-P1D", sparkline=False)

    # Graphs.

    def _first_byte(self) -> cloudwatch.IWidget:
        limit = (
            None
            if self.alarms is None or self.alarms.time_to_first_byte is None
            else self.alarms.thresholds.time_to_first_byte_ms
        )
        # A graph that cannot have data says why.
        silent = self.facts.writes_stream_records is False
        title = "Time to first byte (needs JSON logs at DEBUG)" if silent else "Time to first byte (ms, cold starts not counted)"
        return _graph(title, _percentiles(self.metrics), limits={"alarm": limit})

    def _tokens(self) -> cloudwatch.IWidget:
        runtime = self.metrics.runtime
        return _graph(
            "Tokens per second and time per token",
            [runtime.tokens_per_second(statistic).with_(label=f"tokens/s {statistic}") for statistic in ("p50", "p10")],
            right=[
                runtime.time_to_first_token("p50").with_(label="first token p50 (s)"),
                runtime.time_per_output_token("p50").with_(label="per token p50 (s)"),
            ],
        )

    def _active(self) -> cloudwatch.IWidget:
        return _graph(
            "Active streams and their limits",
            [
                self.metrics.active_streams().with_(label="streams"),
                self.metrics.provisioned_active().with_(label="on warm environments"),
                self.metrics.function_concurrency().with_(label="whole function"),
            ],
            limits={"reserved": self.facts.reserved_concurrency, "warm": self.facts.provisioned_concurrency},
        )

    def _outcomes(self) -> cloudwatch.IWidget:
        colors = {
            "Completed": cloudwatch.Color.GREEN,
            "Errored": cloudwatch.Color.RED,
            "Truncated": cloudwatch.Color.PURPLE,
            "Cancelled": cloudwatch.Color.GREY,
            "Deadline": cloudwatch.Color.ORANGE,
        }
        outcomes = [self.metrics.runtime.outcome(name).with_(label=name.lower(), color=colors[name]) for name in names.OUTCOMES]
        return _graph(
            "Outcomes",
            outcomes,
            right=[self.metrics.truncated_streams().with_(label="cut off (log)", color=cloudwatch.Color.BROWN)],
            stacked=True,
        )

    def _url(self) -> cloudwatch.IWidget:
        return _graph(
            "Function URL",
            [self.metrics.url_requests().with_(label="requests")],
            right=[
                self.metrics.url_4xx_rate().with_(label="4xx (%)", color=cloudwatch.Color.ORANGE),
                self.metrics.url_5xx_rate().with_(label="5xx (%)", color=cloudwatch.Color.RED),
            ],
        )

    def _refusals(self) -> cloudwatch.IWidget:
        return _graph(
            "Errors, throttles, spill-over",
            [
                self.metrics.errors().with_(label="errors", color=cloudwatch.Color.RED),
                self.metrics.throttles().with_(label="throttles", color=cloudwatch.Color.ORANGE),
                self.metrics.provisioned_spillover().with_(label="spill-over", color=cloudwatch.Color.PURPLE),
            ],
        )

    def _duration(self) -> cloudwatch.IWidget:
        return _graph(
            "Duration (ms)",
            [self.metrics.duration(statistic).with_(label=label) for statistic, label in _DURATIONS],
            limits={"timeout": self.facts.timeout_ms},
        )

    def _init(self) -> cloudwatch.IWidget:
        return _graph(
            "Cold starts (ms)",
            [self.metrics.init_duration(statistic).with_(label=label) for statistic, label in _DURATIONS],
            right=[self.metrics.init_duration(cloudwatch.Stats.SAMPLE_COUNT).with_(label="how many")],
        )

    def _spent(self) -> cloudwatch.IWidget:
        return _graph(f"{self._unit_spent} an hour", [self._spending(self.hourly)])

    @property
    def _unit_spent(self) -> str:
        if self.facts.memory_size_mb is None:
            return "Duration (ms)"
        return "GB-seconds" if self.price_per_gb_second is None else "Cost"

    def _spending(self, metrics: StreamMetrics) -> cloudwatch.IMetric:
        memory = self.facts.memory_size_mb
        if memory is None:
            return metrics.duration(cloudwatch.Stats.SUM).with_(label="ms")
        if self.price_per_gb_second is None:
            return metrics.gb_seconds(memory)
        return metrics.cost(memory, self.price_per_gb_second)


_DURATIONS: Final = (("p50", "median"), ("p99", "p99"), (cloudwatch.Stats.MAXIMUM, "longest"))


def _percentiles(metrics: StreamMetrics) -> list[cloudwatch.IMetric]:
    return [metrics.time_to_first_byte(statistic).with_(label=statistic) for statistic in _PERCENTILES]


def _heading(markdown: str) -> cloudwatch.IWidget:
    return cloudwatch.TextWidget(
        markdown=markdown, width=_COLUMNS, height=2, background=cloudwatch.TextWidgetBackground.TRANSPARENT
    )


def _figure(
    title: str,
    metrics: Sequence[cloudwatch.IMetric],
    *,
    width: int = _COLUMNS // 6,
    start: str | None = None,
    sparkline: bool = True,
) -> cloudwatch.IWidget:
    return cloudwatch.SingleValueWidget(
        title=title, metrics=list(metrics), width=width, height=_FIGURE_HEIGHT, start=start, sparkline=sparkline
    )


def _graph(
    title: str,
    left: Sequence[cloudwatch.IMetric],
    *,
    right: Sequence[cloudwatch.IMetric] = (),
    limits: Mapping[str, float | None] | None = None,
    stacked: bool = False,
) -> cloudwatch.IWidget:
    lines = [
        cloudwatch.HorizontalAnnotation(value=value, label=label, color=cloudwatch.Color.RED)
        for label, value in (limits or {}).items()
        if value is not None and not is_unresolved(value)
    ]
    return cloudwatch.GraphWidget(
        title=title,
        left=list(left),
        right=list(right),
        left_annotations=lines,
        left_y_axis=cloudwatch.YAxisProps(min=0),
        right_y_axis=cloudwatch.YAxisProps(min=0) if right else None,
        stacked=stacked,
        width=_THIRD,
        height=_GRAPH_HEIGHT,
    )
