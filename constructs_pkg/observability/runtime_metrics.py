"""The metrics that our own runtime writes, one record a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from aws_cdk import aws_cloudwatch as cloudwatch

from . import metric_names as names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import Duration

Outcome = Literal["Completed", "Errored", "Truncated", "Cancelled", "Deadline"]


class RuntimeMetrics:
    """Makes CloudWatch metrics from the records of `streaming_runtime`; get one from `StreamMetrics.runtime`.

    Code that runs on another runtime writes no such records, and the metrics then have no data. Percentiles work: each stream
    is one sample.
    """

    def __init__(self, *, dimensions: Mapping[str, str], period: Duration, region: str | None, account: str | None) -> None:
        """Prepares the metrics.

        Args:
            dimensions: Those of Lambda's own metrics of the alias: `FunctionName` and `Resource`.
            period: Over which time each data point is taken.
            region: Where the function is; None for the region of whatever shows the metric.
            account: Whose the function is; None for the account of whatever shows the metric.
        """
        self._dimensions = dict(dimensions)
        self._period = period
        self._region = region
        self._account = account

    def time_to_first_byte(self, statistic: str = "p99") -> cloudwatch.Metric:
        """From the invocation's arrival in the runtime to its first byte on the wire, in milliseconds."""
        return self._metric(names.TIME_TO_FIRST_BYTE, statistic)

    def time_to_first_token(self, statistic: str = "p99") -> cloudwatch.Metric:
        """From the invocation's arrival in the runtime to the handler's first event, in seconds (OpenTelemetry's unit)."""
        return self._metric(names.TIME_TO_FIRST_TOKEN, statistic)

    def time_per_output_token(self, statistic: str = "p50") -> cloudwatch.Metric:
        """Time per token after the first, in seconds (OpenTelemetry's unit)."""
        return self._metric(names.TIME_PER_OUTPUT_TOKEN, statistic)

    def stream_duration(self, statistic: str = "p50") -> cloudwatch.Metric:
        """From the invocation's arrival to the last byte, in seconds (OpenTelemetry's unit)."""
        return self._metric(names.STREAM_DURATION, statistic)

    def tokens_per_second(self, statistic: str = "p50") -> cloudwatch.Metric:
        """Tokens a second within one stream; the statistic is taken over streams."""
        return self._metric(names.TOKENS_PER_SECOND, statistic)

    def output_tokens(self, statistic: str = cloudwatch.Stats.SUM) -> cloudwatch.Metric:
        """Tokens written. Sum unless told otherwise."""
        return self._metric(names.OUTPUT_TOKENS, statistic)

    def input_tokens(self, statistic: str = cloudwatch.Stats.SUM) -> cloudwatch.Metric:
        """Tokens read by the model. Sum unless told otherwise."""
        return self._metric(names.INPUT_TOKENS, statistic)

    def longest_gap(self, statistic: str = "p99") -> cloudwatch.Metric:
        """Longest silence between two events of one stream, in milliseconds."""
        return self._metric(names.LONGEST_GAP, statistic)

    def bytes_streamed(self, statistic: str = cloudwatch.Stats.SUM) -> cloudwatch.Metric:
        """Bytes written to the wire. Sum unless told otherwise."""
        return self._metric(names.BYTES_STREAMED, statistic)

    def chunks_streamed(self, statistic: str = cloudwatch.Stats.SUM) -> cloudwatch.Metric:
        """HTTP chunks written to the wire. Sum unless told otherwise."""
        return self._metric(names.CHUNKS_STREAMED, statistic)

    def outcome(self, outcome: Outcome) -> cloudwatch.Metric:
        """Streams that ended so. Sum."""
        return self._metric(outcome, cloudwatch.Stats.SUM)

    def _metric(self, name: str, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=names.NAMESPACE,
            metric_name=name,
            dimensions_map=self._dimensions,
            statistic=statistic,
            period=self._period,
            stack_region=self._region,
            stack_account=self._account,
        )
