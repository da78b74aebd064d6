"""The rule that streaming functions keep what `StreamingDefaults` says where they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aws_cdk import Stack

from ._checks import Rule
from ._checks._rule import Found
from .defaults import StreamingDefaults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from constructs import IConstruct

    from ._checks import StreamingApp
    from ._checks.model import Function

DEFAULTS_CODE: Final = "DEFAULT_NOT_KEPT"
"""A rule of the plugin alone: only the construct tree knows the defaults."""

_NONE: Final = StreamingDefaults()


def enforced_defaults(app: IConstruct) -> tuple[Rule, ...]:
    """The rule for the app of this construct tree.

    An override is allowed, and a decision: it is acknowledged with its reason.
    """

    def look(streaming: StreamingApp) -> Iterator[Found]:
        for function in streaming.streaming_functions:
            construct = _construct(app, function.resource.path)
            defaults = StreamingDefaults.of(construct) if construct is not None else _NONE
            if construct is None or defaults == _NONE:
                continue
            for location, name, wanted, has in _deviations(streaming, function, defaults, Stack.of(construct)):
                yield Found(
                    function.resource,
                    f"{name} is {has}, and the defaults that hold here say {wanted}",
                    f"Leave it out to take the default, or acknowledge {DEFAULTS_CODE} here with the reason.",
                    location,
                )

    return (Rule(DEFAULTS_CODE, "error", look),)


def _construct(app: IConstruct, path: str) -> IConstruct | None:
    """The construct at a path; None for a resource that has none, as in an included template."""
    found: IConstruct | None = app
    for name in path.split("/"):
        found = found.node.try_find_child(name) if found is not None else None
    return found


def _deviations(
    app: StreamingApp, function: Function, defaults: StreamingDefaults, stack: Stack
) -> Iterator[tuple[str, str, Any, Any]]:
    """(property, name, wanted, found) of each that differs; what cannot be known is left out."""
    resource = function.resource
    wanted: dict[tuple[str, ...], Any] = {}
    if defaults.memory_size is not None:
        wanted["MemorySize",] = stack.resolve(defaults.memory_size)
    if defaults.timeout is not None and not defaults.timeout.is_unresolved():
        wanted["Timeout",] = int(defaults.timeout.to_seconds())
    if defaults.encryption_key is not None:
        wanted["KmsKeyArn",] = stack.resolve(defaults.encryption_key.key_arn)
    if defaults.limits is not None and app.variable(function, "STREAM_HEARTBEAT_SECONDS") is not None:
        for variable, value in defaults.limits.to_environment().items():
            wanted["Environment", "Variables", variable] = stack.resolve(value)
    for path, value in wanted.items():
        expected, found = app.resolved(resource, value), app.value(resource, *path, default="not set")
        if expected is not None and found is not None and str(found) != str(expected):
            yield ".".join(path), path[-1], expected, found
    if defaults.architecture is not None:
        architectures = app.value(resource, "Architectures", default=["x86_64"])
        if architectures and architectures != [defaults.architecture.name]:
            yield "Architectures", "the architecture", defaults.architecture.name, architectures[0]
    if defaults.log_group_retention is not None:
        yield from _retention(app, function, _days(defaults))


def _retention(app: StreamingApp, function: Function, days: int | None) -> Iterator[tuple[str, str, Any, Any]]:
    name = app.value(function.resource, "LoggingConfig", "LogGroup")
    for group in app.assembly.of_type("AWS::Logs::LogGroup") if name is not None else ():
        found = app.number(group, "RetentionInDays") if app.ref(group) == str(name) else days
        if found != days:
            yield "LoggingConfig.LogGroup", "the retention of its log group", _in_days(days), _in_days(found)


def _days(defaults: StreamingDefaults) -> int | None:
    """As CDK writes it into the template; None for ever."""
    retention = defaults.log_group_retention
    return None if retention is None or retention.name == "INFINITE" else _RETENTION_DAYS[retention.name]


def _in_days(days: float | None) -> str:
    return "without end" if days is None else f"{days:g} days"


_RETENTION_DAYS: Final = {
    # CDK's enumeration does not tell its numbers to Python.
    "ONE_DAY": 1,
    "THREE_DAYS": 3,
    "FIVE_DAYS": 5,
    "ONE_WEEK": 7,
    "TWO_WEEKS": 14,
    "ONE_MONTH": 30,
    "TWO_MONTHS": 60,
    "THREE_MONTHS": 90,
    "FOUR_MONTHS": 120,
    "FIVE_MONTHS": 150,
    "SIX_MONTHS": 180,
    "ONE_YEAR": 365,
    "THIRTEEN_MONTHS": 400,
    "EIGHTEEN_MONTHS": 545,
    "TWO_YEARS": 731,
    "THREE_YEARS": 1096,
    "FIVE_YEARS": 1827,
    "SIX_YEARS": 2192,
    "SEVEN_YEARS": 2557,
    "EIGHT_YEARS": 2922,
    "NINE_YEARS": 3288,
    "TEN_YEARS": 3653,
}
