"""An organisation's defaults for every construct of ours below a scope."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs

from ._lasting import arm_64, node_of, x86_64
from .limits import StreamLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_kms as kms
    from constructs import IConstruct

    from .observability.thresholds import AlarmThresholds

CONTEXT_KEY: Final = "streaming-lambda:defaults"
_ATTRIBUTE: Final = "_streaming_lambda_defaults"
_CONTEXT: Final = "_streaming_lambda_defaults_context"
_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class StreamingDefaults:
    """What our constructs take where a parameter is left out. Hang it on an app, a stage, a stack or any construct.

    The parameter itself comes first, then the nearest scope that says something about it, then the scopes further out, then
    the context key `streaming-lambda:defaults`, then the construct's own default. Each field is looked up on its own, so an
    inner scope overrides what it names and keeps the rest; `limits` and `alarms` are each one field.

    Permissions boundaries and tags are not here: CDK has them for every construct, as `PermissionsBoundary.of(scope).apply(...)`
    and `Tags.of(scope).add(...)`.

    Attributes:
        memory_size: Of functions, in MB.
        timeout: Of functions.
        architecture: Of functions.
        log_group_retention: Of the log groups that our constructs make.
        limits: The stream's bounds.
        alarms: When each alarm rings.
        alarm_actions: What alarms do. An empty tuple says: nothing, whatever stands further out.
        encryption_key: Encrypts environment variables, log groups and stream stores.
        runbook: Where the runbook is published for people on call: what stands before `#url-5xx` and the like in the alarms'
            descriptions.
    """

    memory_size: int | None = None
    timeout: Duration | None = None
    architecture: lambda_.Architecture | None = None
    log_group_retention: logs.RetentionDays | None = None
    limits: StreamLimits | None = None
    alarms: AlarmThresholds | None = None
    alarm_actions: tuple[cloudwatch.IAlarmAction, ...] | None = None
    encryption_key: kms.IKey | None = None
    runbook: str | None = None

    @staticmethod
    def set(
        scope: IConstruct,
        *,
        memory_size: int | None = None,
        timeout: Duration | None = None,
        architecture: lambda_.Architecture | None = None,
        log_group_retention: logs.RetentionDays | None = None,
        limits: StreamLimits | None = None,
        alarms: AlarmThresholds | None = None,
        alarm_actions: Sequence[cloudwatch.IAlarmAction] | None = None,
        encryption_key: kms.IKey | None = None,
        runbook: str | None = None,
    ) -> StreamingDefaults:
        """Sets defaults for what is made below `scope` from now on; what stands there already keeps what it took.

        Args:
            scope: An app, a stage, a stack or any construct.
            memory_size: Of functions, in MB. Left out, like any other: what stands further out decides.
            timeout: Of functions.
            architecture: Of functions.
            log_group_retention: Of the log groups that our constructs make.
            limits: The stream's bounds, all of them.
            alarms: When each alarm rings, all of them; `AlarmThresholds.disabled()` for none.
            alarm_actions: What alarms do; `()` for nothing.
            encryption_key: Encrypts environment variables, log groups and stream stores.
            runbook: Where the runbook is published, such as `https://wiki.example.com/streaming`.

        Returns:
            What was set.

        Raises:
            ValueError: `DEFAULTS_ALREADY_SET` when the scope has defaults of its own: the second would silently win over the
                first for some constructs and not for others.
        """
        if _ATTRIBUTE in vars(scope):
            raise ValueError(
                f"DEFAULTS_ALREADY_SET: {scope.node.path or 'the app'} has streaming defaults already. Set them once, before the constructs "
                "they are for; to override some, set those on a scope further in."
            )
        own = StreamingDefaults(
            memory_size=memory_size,
            timeout=timeout,
            architecture=architecture,
            log_group_retention=log_group_retention,
            limits=limits,
            alarms=alarms,
            alarm_actions=None if alarm_actions is None else tuple(alarm_actions),
            encryption_key=encryption_key,
            runbook=runbook,
        )
        # jsii keeps every Python construct it has seen, so the attribute lives as long as the scope.
        vars(scope)[_ATTRIBUTE] = own
        _SET_ANYWHERE.append(True)
        return own

    @staticmethod
    def of(scope: IConstruct) -> StreamingDefaults:
        """What holds at `scope`: its own defaults, those of the scopes around it, and the context's, field by field.

        Raises:
            ValueError: `DEFAULTS_CONTEXT` when the context key is no JSON object, `DEFAULTS_FIELD` for a field it does not know,
                `DEFAULTS_VALUE` for a value that the field does not take.
        """
        noted = vars(scope)
        node = node_of(scope)
        given = noted[_CONTEXT] if _CONTEXT in noted else node.try_get_context(CONTEXT_KEY)
        merged = _from_context(given)
        for outer in node.scopes if _SET_ANYWHERE else ():  # from the app inwards, so that the nearest is the last to speak
            own = vars(outer).get(_ATTRIBUTE)
            if own is not None:
                merged = own if merged is _NOTHING else _over(merged, own)
        return merged


_NOTHING: Final = StreamingDefaults()
_SET_ANYWHERE: Final[list[bool]] = []
"""Not empty once this process has set defaults. Until then there is no use in asking each construct for the scopes around it."""


def defaults_of_new(scope: IConstruct) -> StreamingDefaults:
    """`StreamingDefaults.of` a construct that is making itself: what it makes next will not have to ask for the context again.

    CDK takes context for a construct only before it has children, so that nobody else can set any here.
    """
    vars(scope)[_CONTEXT] = node_of(scope).try_get_context(CONTEXT_KEY)
    return StreamingDefaults.of(scope)


def first_given(*values: _T | None, default: _T) -> _T:
    """The first of `values` that is not None, else `default`."""
    return next((value for value in values if value is not None), default)


def _over(outer: StreamingDefaults, inner: StreamingDefaults) -> StreamingDefaults:
    said = {field.name: getattr(inner, field.name) for field in fields(inner) if getattr(inner, field.name) is not None}
    return replace(outer, **said)


def _from_context(value: Any) -> StreamingDefaults:
    if value is None:
        return _NOTHING
    if isinstance(value, str):  # `cdk -c key=value` hands over text
        try:
            value = json.loads(value)
        except json.JSONDecodeError as error:
            raise ValueError(
                f"DEFAULTS_CONTEXT: the context value {CONTEXT_KEY} is no JSON ({error}). "
                'Write it as an object, such as {"memory_size": 2048}.'
            ) from error
    if not isinstance(value, dict):
        raise ValueError(
            f"DEFAULTS_CONTEXT: the context value {CONTEXT_KEY} is {value!r}, not a JSON object. "
            'Write it as an object, such as {"memory_size": 2048}.'
        )
    found: dict[str, Any] = {}
    for name, given in value.items():
        entry = _CONTEXT_FIELDS.get(name)
        if entry is None:
            raise ValueError(
                f"DEFAULTS_FIELD: the context value {CONTEXT_KEY} has the field {name!r}; it knows {', '.join(_CONTEXT_FIELDS)}. "
                "Keys, topics and other constructs cannot stand in the context: use StreamingDefaults.set(scope, ...) for them."
            )
        field, read = entry
        try:
            found[field] = read(given)
        except (TypeError, KeyError, ValueError) as error:
            raise ValueError(
                f"DEFAULTS_VALUE: in the context value {CONTEXT_KEY}, {name} is {given!r}: {error}. Mend that value in cdk.json."
            ) from error
    return StreamingDefaults(**found)


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("it takes an integer from 1 on")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("it takes a text")
    return value


def _architecture(value: Any) -> lambda_.Architecture:
    known = {"arm64": arm_64(), "x86_64": x86_64()}
    if value not in known:
        raise ValueError("it takes arm64 or x86_64")
    return known[value]


def _retention(value: Any) -> logs.RetentionDays:
    if not isinstance(value, str) or value not in logs.RetentionDays.__members__:
        raise ValueError("it takes one of CDK's RetentionDays, such as ONE_MONTH")
    return logs.RetentionDays[value]


def _limits(value: Any) -> StreamLimits:
    return StreamLimits(**_object(value, StreamLimits))


def _thresholds(value: Any) -> AlarmThresholds:
    from .observability.thresholds import AlarmThresholds

    return AlarmThresholds.disabled() if value is False else AlarmThresholds(**_object(value, AlarmThresholds))


def _object(value: Any, kind: type[Any]) -> Mapping[str, Any]:
    known = [field.name for field in fields(kind)]
    if not isinstance(value, dict) or not set(value) <= set(known):
        raise ValueError(f"it takes an object of {', '.join(known)}")
    return value


_CONTEXT_FIELDS: Final[dict[str, tuple[str, Callable[[Any], Any]]]] = {
    # name in the context, with its unit: (field, how to read it)
    "memory_size": ("memory_size", _integer),
    "timeout_seconds": ("timeout", lambda value: Duration.seconds(_integer(value))),
    "architecture": ("architecture", _architecture),
    "log_group_retention": ("log_group_retention", _retention),
    "limits": ("limits", _limits),
    "alarms": ("alarms", _thresholds),
    "runbook": ("runbook", _text),
}
