"""The names of our own metrics: the contract between the log filters, the runtime's records and everything that reads them.

The runtime cannot import this module (it stands alone in its layer), so the same names stand in
`docs/constructs/StreamMetrics.md`, and a test keeps the two in step.

A name brings its unit along. Names that OpenTelemetry's GenAI conventions define carry OpenTelemetry's unit, seconds
(https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/); the rest carry Lambda's, milliseconds.
"""

from __future__ import annotations

from typing import Final

NAMESPACE: Final = "StreamingLambda"
"""CloudWatch namespace of everything that is not Lambda's own."""

# From the function's system log, by metric filter. Their records name neither function nor alias, so the function's name is
# part of the metric's: `TimeToFirstByte/<function>`.
LOG_TIME_TO_FIRST_BYTE: Final = "TimeToFirstByte"
LOG_INIT_DURATION: Final = "InitDuration"
LOG_TRUNCATED_STREAMS: Final = "TruncatedStreams"
LOG_PRODUCED_BYTES: Final = "ProducedBytes"

# From the runtime's own record, one a stream, with the dimensions `FunctionName` and `Resource` that Lambda's metrics have.
TIME_TO_FIRST_BYTE: Final = "TimeToFirstByte"
TIME_TO_FIRST_TOKEN: Final = "gen_ai.server.time_to_first_token"  # noqa: S105
TIME_PER_OUTPUT_TOKEN: Final = "gen_ai.server.time_per_output_token"  # noqa: S105
STREAM_DURATION: Final = "gen_ai.server.request.duration"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
TOKENS_PER_SECOND: Final = "TokensPerSecond"
LONGEST_GAP: Final = "LongestGap"
BYTES_STREAMED: Final = "BytesStreamed"
CHUNKS_STREAMED: Final = "ChunksStreamed"

OUTCOMES: Final = ("Completed", "Errored", "Truncated", "Cancelled", "Deadline")
"""How a stream ended: each record carries exactly one of these, with the value 1."""


def of_function(name: str, function_name: str) -> str:
    """The name of a log metric of one function."""
    return f"{name}/{function_name}"
