"""The template's alarms, and in which state each would be by what this run has measured.

An alarm looks at its own periods, counted backwards from now (on AWS they are cut at whole minutes). Rules for missing data:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html; its two tables are tests here.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from constructs_pkg.assembly import AssemblyError
from constructs_pkg.emulator.telemetry.expressions import ExpressionUnknown, evaluate
from constructs_pkg.emulator.telemetry.metrics import StatisticUnknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from constructs_pkg.assembly import CloudAssembly, Resource
    from constructs_pkg.emulator.telemetry.metrics import MetricStore

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"

LOOKBACK_PERIODS = 2
"""So many periods beyond the evaluation periods are looked at for data that is late; the document's tables have five for three."""

_OPERATORS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
_MISSING = ("breaching", "notBreaching", "ignore", "missing")
_RULE = re.compile(r"\s*(?:(AND|OR|NOT|TRUE|FALSE)\b|(ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*\"?([^\")]+?)\"?\s*\)|([()]))")


@dataclass(frozen=True, kw_only=True)
class AlarmState:
    """An alarm as it stands.

    Attributes:
        path: Construct path.
        name: As CloudWatch would show it.
        value: `OK`, `ALARM` or `INSUFFICIENT_DATA`.
        reason: In CloudWatch's words; where an alarm cannot be evaluated here, why.
        since: Since when it is in this state, seconds since 1970.
    """

    path: str
    name: str
    value: str
    reason: str
    since: float


@dataclass(frozen=True, kw_only=True)
class Query:
    """One metric that an alarm looks at."""

    id: str
    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    statistic: str
    period: int


@dataclass(frozen=True, kw_only=True)
class MetricAlarm:
    """An alarm on a metric or on an expression of several.

    Attributes:
        queries: The metrics, by their ids.
        expressions: Expressions by id, in the template's order.
        watched: The id of what is compared with the threshold.
        why_not: Why it cannot be evaluated here, or None.
    """

    path: str
    name: str
    arn: str
    description: str = ""
    threshold: float = 0.0
    comparison: str = "GreaterThanOrEqualToThreshold"
    evaluation_periods: int = 1
    datapoints_to_alarm: int = 1
    missing: str = "missing"
    queries: tuple[Query, ...] = ()
    expressions: tuple[tuple[str, str], ...] = ()
    watched: str = ""
    period: int = 60
    why_not: str | None = None


@dataclass(frozen=True, kw_only=True)
class CompositeAlarm:
    """An alarm on other alarms. `rule` is such as `(ALARM("...") OR ALARM("..."))`, names or ARNs in it."""

    path: str
    name: str
    arn: str
    rule: str
    description: str = ""
    why_not: str | None = None


class Alarms:
    """All alarms of an app, and the states they were last in."""

    def __init__(
        self,
        alarms: Sequence[MetricAlarm],
        composites: Sequence[CompositeAlarm],
        store: MetricStore,
        *,
        longest_period: int | None = None,
    ) -> None:
        """
        Args:
            alarms: Those on metrics.
            composites: Those on alarms.
            store: The metrics.
            longest_period: Longer periods count as so many seconds, so that one need not wait for them. Default: the template's own.
        """
        self.alarms = tuple(alarms)
        self.composites = tuple(composites)
        self._store = store
        self._longest = longest_period
        self._states: dict[str, AlarmState] = {}

    def evaluate(self) -> dict[str, AlarmState]:
        """The state of each alarm now, by construct path; composite alarms last."""
        now = self._store.clock()
        for alarm in self.alarms:
            before = self._states.get(alarm.path)
            try:
                value, reason = self._judge(alarm, int(now) + 1, before)
            except (ExpressionUnknown, StatisticUnknown) as unknown:
                value, reason = INSUFFICIENT_DATA, f"not evaluated here: {unknown}"
            self._keep(alarm, value, reason, now)
        for composite in self._in_order():
            try:
                value, reason = self._judge_rule(composite)
            except _RuleUnknown as unknown:
                value, reason = INSUFFICIENT_DATA, f"not evaluated here: {unknown}"
            self._keep(composite, value, reason, now)
        return dict(self._states)

    def _keep(self, alarm: MetricAlarm | CompositeAlarm, value: str, reason: str, now: float) -> None:
        before = self._states.get(alarm.path)
        since = before.since if before is not None and before.value == value else now
        self._states[alarm.path] = AlarmState(path=alarm.path, name=alarm.name, value=value, reason=reason, since=since)

    def _judge(self, alarm: MetricAlarm, end: int, before: AlarmState | None) -> tuple[str, str]:
        if alarm.why_not is not None:
            return INSUFFICIENT_DATA, f"not evaluated here: {alarm.why_not}"
        period = alarm.period if self._longest is None else min(alarm.period, self._longest)
        count = alarm.evaluation_periods + LOOKBACK_PERIODS
        starts = [end - period * back for back in range(count, 0, -1)]
        series: dict[str, Sequence[float | None]] = {
            query.id: [
                self._store.samples(query.namespace, query.metric, query.dimensions, start, start + period).statistic(
                    query.statistic
                )
                for start in starts
            ]
            for query in alarm.queries
        }
        for id, expression in alarm.expressions:
            series[id] = evaluate(expression, series, count)
        points = list(zip(series[alarm.watched], starts, strict=True))
        return judge(alarm, points, before.value if before is not None else INSUFFICIENT_DATA)

    def _in_order(self) -> list[CompositeAlarm]:
        """Composites after those that their rules name."""
        waiting, done, ordered = list(self.composites), set[str](), list[CompositeAlarm]()
        names = {name for one in self.composites for name in (one.name, one.arn)}
        while waiting:
            free = [one for one in waiting if not ((_named(one.rule) & names) - done)] or waiting[:1]  # a circle is cut somewhere
            for one in free:
                waiting.remove(one)
                done |= {one.name, one.arn}
                ordered.append(one)
        return ordered

    def _judge_rule(self, composite: CompositeAlarm) -> tuple[str, str]:
        if composite.why_not is not None:
            return INSUFFICIENT_DATA, f"not evaluated here: {composite.why_not}"
        states: dict[str, AlarmState] = {}
        rule = composite.rule
        everyone: list[MetricAlarm | CompositeAlarm] = [*self.alarms, *self.composites]
        for one in everyone:
            rule = rule.replace(one.arn, one.name)
            if one.path in self._states:
                states[one.name] = self._states[one.path]
        rings = _Rule(rule, {name: state.value for name, state in states.items()}).rings()
        ringing = ", ".join(sorted(name for name in _named(rule) if states[name].value == ALARM))
        if rings:
            return ALARM, f"{rule} holds" + (f"; in ALARM: {ringing}" if ringing else "")
        return OK, f"{rule} does not hold"


def judge(alarm: MetricAlarm, points: Sequence[tuple[float | None, int]], before: str) -> tuple[str, str]:
    """State and reason by an alarm's data points. Pure.

    Args:
        alarm: Its threshold and how it counts.
        points: Value and start of each period, oldest first, with those before the evaluation periods.
        before: The state until now.
    """
    wanted, needed = alarm.evaluation_periods, alarm.datapoints_to_alarm
    breaches, words = _OPERATORS[alarm.comparison]
    real = [(value, start) for value, start in points if value is not None]
    if len(points) == len(real) or len(real) >= wanted:
        real = real[-wanted:]
    bad = [(value, start) for value, start in real if breaches(value, alarm.threshold)]
    absent = max(0, wanted - len(real))
    if alarm.missing == "breaching":
        value = ALARM if len(bad) + absent >= needed else OK
    elif alarm.missing == "notBreaching" or not absent:
        value = ALARM if len(bad) >= needed else OK
    elif not real:
        value = before if alarm.missing == "ignore" else INSUFFICIENT_DATA
    elif len(bad) >= needed:
        value = ALARM
    elif len(bad) == len(real):
        # What there is breaches, and there is too little of it.
        value = before if alarm.missing == "ignore" else ALARM
    else:
        value = OK
    return value, _reason(alarm, value, real, bad, absent, words)


def _reason(
    alarm: MetricAlarm, value: str, real: list[tuple[float, int]], bad: list[tuple[float, int]], absent: int, words: str
) -> str:
    """In the form of CloudWatch's StateReason, as published in alarm notifications."""
    treated = {"breaching": "Breaching", "notBreaching": "NonBreaching", "ignore": "Ignore", "missing": "Missing"}[alarm.missing]
    filled = f"{_many(absent, 'missing datapoint')} {_were(absent)} treated as [{treated}]"
    if not real:
        if value == INSUFFICIENT_DATA:
            return f"Insufficient Data: {_many(alarm.evaluation_periods, 'datapoint')} {_were(alarm.evaluation_periods)} unknown."
        return f"Threshold Crossed: no datapoints were received for {_many(alarm.evaluation_periods, 'period')} and {filled}."
    shown = bad if value == ALARM and bad else [point for point in real if point not in bad] or real
    values = ", ".join(f"{number} ({datetime.fromtimestamp(start, UTC):%d/%m/%y %H:%M:%S})" for number, start in reversed(shown))
    count = _many(len(shown), "datapoint")
    if alarm.evaluation_periods > 1:
        count = f"{len(shown)} out of the last {_many(len(real), 'datapoint')}"
    verb = _were(len(shown)) + ("" if shown == bad else " not")
    compared = f"{count} [{values}] {verb} {words} the threshold ({float(alarm.threshold)})"
    return f"Threshold Crossed: {compared}{f' and {filled}' if absent else ''}."


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _many(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")


class _RuleUnknown(ValueError):
    """A rule that cannot be read."""


def _named(rule: str) -> set[str]:
    return {found[3] for found in _RULE.finditer(rule) if found[3]}


class _Rule:
    """An alarm rule: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html."""

    def __init__(self, rule: str, states: Mapping[str, str]) -> None:
        self._rule = rule
        self._states = states
        self._tokens: list[re.Match[str]] = []
        place, text = 0, rule.rstrip()
        while place < len(text):
            found = _RULE.match(text, place)
            if found is None:
                raise _RuleUnknown(f"RULE_UNKNOWN: {rule!r} cannot be read from {text[place:].strip()[:20]!r} on")
            self._tokens.append(found)
            place = found.end()
        self._next = 0

    def rings(self) -> bool:
        result = self._either()
        if self._next < len(self._tokens):
            raise _RuleUnknown(f"RULE_UNKNOWN: {self._rule!r} goes on after its end")
        return result

    def _either(self) -> bool:
        result = self._all()
        while self._accept("OR"):
            other = self._all()
            result = result or other
        return result

    def _all(self) -> bool:
        result = self._one()
        while self._accept("AND"):
            other = self._one()
            result = result and other
        return result

    def _one(self) -> bool:
        if self._accept("NOT"):
            return not self._one()
        if self._accept("("):
            result = self._either()
            if not self._accept(")"):
                raise _RuleUnknown(f"RULE_UNKNOWN: {self._rule!r} lacks a closing parenthesis")
            return result
        if self._accept("TRUE"):
            return True
        if self._accept("FALSE"):
            return False
        if self._next >= len(self._tokens) or not self._tokens[self._next][2]:
            raise _RuleUnknown(f"RULE_UNKNOWN: {self._rule!r} lacks an alarm")
        found = self._tokens[self._next]
        self._next += 1
        if found[3] not in self._states:
            raise _RuleUnknown(f"ALARM_NOT_HERE: {found[3]} is not an alarm of this app")
        return self._states[found[3]] == found[2]

    def _accept(self, word: str) -> bool:
        if self._next < len(self._tokens) and word in (self._tokens[self._next][1], self._tokens[self._next][4]):
            self._next += 1
            return True
        return False


def read_alarms(assembly: CloudAssembly) -> tuple[list[MetricAlarm], list[CompositeAlarm]]:
    """The alarms of an assembly. One that cannot be read says why; the others are not touched by it."""
    alarms = [_read(resource) for resource in assembly.of_type("AWS::CloudWatch::Alarm")]
    return alarms, [_read_composite(resource) for resource in assembly.of_type("AWS::CloudWatch::CompositeAlarm")]


def _read(resource: Resource) -> MetricAlarm:
    path, name, arn = resource.path, str(resource.ref), str(resource.get_att("Arn"))
    try:
        return MetricAlarm(path=path, name=name, arn=arn, **_settings(resource))
    except (AssemblyError, _NotEvaluated) as error:
        return MetricAlarm(path=path, name=name, arn=arn, why_not=str(error))


class _NotEvaluated(ValueError):
    pass


def _settings(resource: Resource) -> dict[str, Any]:
    comparison = str(resource.property("ComparisonOperator"))
    missing = str(resource.property("TreatMissingData", default="missing"))
    threshold = resource.property("Threshold")
    if comparison not in _OPERATORS or threshold is None or missing not in _MISSING:
        raise _NotEvaluated(
            f"ALARM_KIND: {comparison} with threshold {threshold} and {missing} data; static thresholds are evaluated"
        )
    periods = int(resource.property("EvaluationPeriods"))
    settings = {
        "description": str(resource.property("AlarmDescription", default="")),
        "threshold": float(threshold),
        "comparison": comparison,
        "evaluation_periods": periods,
        "datapoints_to_alarm": int(resource.property("DatapointsToAlarm", default=periods)),
        "missing": missing,
    }
    metrics = resource.property("Metrics", default=None)
    if metrics is None:
        statistic = resource.property("ExtendedStatistic", default=None) or resource.property("Statistic")
        period = int(resource.property("Period"))
        query = _query("m", resource.properties, str(statistic), period)
        return {**settings, "queries": (query,), "watched": "m", "period": period}
    queries: list[Query] = []
    expressions: list[tuple[str, str]] = []
    for metric in metrics:
        if "Expression" in metric:
            expressions.append((str(metric["Id"]), str(metric["Expression"])))
        else:
            stat = metric["MetricStat"]
            queries.append(_query(str(metric["Id"]), stat["Metric"], str(stat["Stat"]), int(stat["Period"])))
    # Whether ReturnData was left out, which means yes, or is said.
    watched = [str(metric["Id"]) for metric in metrics if str(metric.get("ReturnData", True)).lower() == "true"]
    if len(watched) != 1 or not queries:
        raise _NotEvaluated(f"ALARM_KIND: {len(watched)} of its metrics return data, and {len(queries)} are plain metrics")
    period = max(query.period for query in queries)
    return {**settings, "queries": tuple(queries), "expressions": _sorted(expressions), "watched": watched[0], "period": period}


def _sorted(expressions: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Expressions after those whose ids they name."""
    waiting, ordered = list(expressions), list[tuple[str, str]]()
    while waiting:
        ids = {id for id, _ in waiting}
        free = [one for one in waiting if not (set(re.findall(r"[A-Za-z_]\w*", one[1])) & (ids - {one[0]}))] or waiting[:1]
        ordered += free
        waiting = [one for one in waiting if one not in free]
    return tuple(ordered)


def _query(id: str, metric: Mapping[str, Any], statistic: str, period: int) -> Query:
    dimensions = {str(one["Name"]): str(one["Value"]) for one in metric.get("Dimensions", ())}
    return Query(
        id=id,
        namespace=str(metric["Namespace"]),
        metric=str(metric["MetricName"]),
        dimensions=dimensions,
        statistic=statistic,
        period=period,
    )


def _read_composite(resource: Resource) -> CompositeAlarm:
    path, name, arn = resource.path, str(resource.ref), str(resource.get_att("Arn"))
    try:
        description = str(resource.property("AlarmDescription", default=""))
        rule = str(resource.property("AlarmRule"))
        return CompositeAlarm(path=path, name=name, arn=arn, rule=rule, description=description)
    except AssemblyError as error:
        return CompositeAlarm(path=path, name=name, arn=arn, rule="", why_not=str(error))
