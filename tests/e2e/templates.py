"""Takes out of a template what the local endpoint refuses, so that the rest of it is deployed."""

from __future__ import annotations

from typing import Any, Final

from tests.e2e.left_out import COPYING, METRIC_MATH, UNKNOWN

TYPES: Final = frozenset(left_out.type for left_out in (*UNKNOWN, COPYING))


WHOLE: Final = "whole"
"""The folder of the assembly in which templates lie as the app wrote them."""


def deployable(template: dict[str, Any]) -> dict[str, Any]:
    """The template without resources of types that cannot be had, and with alarms that watch one metric each.

    What names a resource that is gone gets a text in the place of its name, id or ARN.
    """
    resources = template.get("Resources", {})
    gone = {name for name, resource in resources.items() if resource["Type"] in TYPES}
    kept = {name: _resource(resource, gone) for name, resource in resources.items() if name not in gone}
    rest = {section: _without(value, gone) for section, value in template.items() if section != "Resources"}
    return {**rest, "Resources": kept}


def _resource(resource: dict[str, Any], gone: set[str]) -> dict[str, Any]:
    found = {key: value for key, value in resource.items() if key != "UpdatePolicy" or not _names(value, gone)}
    needs = found.pop("DependsOn", [])
    still = [name for name in ([needs] if isinstance(needs, str) else needs) if name not in gone]
    if still:
        found["DependsOn"] = still
    properties = _without(found.get("Properties", {}), gone)
    if found["Type"] == METRIC_MATH.type and "Metrics" in properties:
        properties = _on_one_metric(properties)
    return {**found, "Properties": properties}


def _on_one_metric(alarm: dict[str, Any]) -> dict[str, Any]:
    """An alarm on an expression, on the first metric in it."""
    rest = {key: value for key, value in alarm.items() if key != "Metrics"}
    found = next(query["MetricStat"] for query in alarm["Metrics"] if "MetricStat" in query)
    statistic = "ExtendedStatistic" if found["Stat"].startswith("p") else "Statistic"
    return {**rest, **found["Metric"], "Period": found["Period"], statistic: found["Stat"]}


def _without(value: Any, gone: set[str]) -> Any:
    """The value with texts in place of references to what is gone."""
    if isinstance(value, list):
        return [_without(each, gone) for each in value]
    if not isinstance(value, dict):
        return value
    name, attribute = _reference(value)
    if name in gone:
        return f"arn:aws:left-out:::{name}" if attribute.endswith("Arn") else f"{name}{attribute}"
    return {key: _without(each, gone) for key, each in value.items()}


def _names(value: Any, gone: set[str]) -> bool:
    return bool(_without(value, gone) != value)


def _reference(value: dict[str, Any]) -> tuple[str, str]:
    """Which resource, and which attribute of it, is named; nothing for anything else."""
    if set(value) == {"Ref"}:
        return value["Ref"], ""
    if set(value) == {"Fn::GetAtt"}:
        name, attribute = value["Fn::GetAtt"]
        return name, str(attribute)
    return "", ""
