"""Alarms that somebody hears."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ._rule import Found, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .model import StreamingApp

_TYPES: Final = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
_ACTIONS: Final = ("AlarmActions", "OKActions", "InsufficientDataActions")


@rule("ALARM_ACTION_ELSEWHERE", "an alarm that tells an SNS topic or a function of another region")
def alarm_action_elsewhere(app: StreamingApp) -> Iterator[Found]:
    """CloudWatch answers such an alarm with "Invalid region ... specified" (cds-snc/notification-terraform#128)."""
    for alarm in (alarm for type in _TYPES for alarm in app.assembly.of_type(type)):
        for name in _ACTIONS:
            for action in app.texts(alarm, name):
                region = action.split(":")[3] if action.startswith("arn:") and action.count(":") >= 5 else ""
                if region and alarm.stack.has_own_region and alarm.stack.region != region:
                    yield Found(
                        alarm,
                        f"the alarm is in {alarm.stack.region} and tells {action}, which is in {region}: CloudWatch refuses that at deployment",
                        "Tell a topic of the alarm's own region; it can hand the message on to the other.",
                        name,
                    )
