"""What a run tells of itself: Lambda's log lines, CloudWatch's metrics, and the state of the template's alarms."""

from constructs_pkg.emulator.telemetry.alarms import AlarmState
from constructs_pkg.emulator.telemetry.metrics import MetricStore, StatisticUnknown
from constructs_pkg.emulator.telemetry.recorder import (
    SETTLE_SECONDS,
    EnvironmentTelemetry,
    FunctionTelemetry,
    LogEvent,
    Stream,
    Telemetry,
)

__all__ = [
    "SETTLE_SECONDS",
    "AlarmState",
    "EnvironmentTelemetry",
    "FunctionTelemetry",
    "LogEvent",
    "MetricStore",
    "StatisticUnknown",
    "Stream",
    "Telemetry",
]
