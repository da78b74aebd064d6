"""What a run tells of itself: Lambda's log lines, CloudWatch's metrics, and the state of the template's alarms."""

from constructs_pkg.emulator.telemetry.alarms import AlarmState
from constructs_pkg.emulator.telemetry.metrics import MetricStore, StatisticUnknown

__all__ = ["AlarmState", "MetricStore", "StatisticUnknown"]
