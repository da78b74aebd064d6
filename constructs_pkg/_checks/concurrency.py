"""Provisioned concurrency that Lambda refuses, or that does not do what it says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ._rule import Found, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from constructs_pkg.assembly import Resource

    from .model import Alias, StreamingApp

_SNAPSTART_RUNTIME: Final = re.compile(r"java(1[1-9]|[2-9]\d)|python3\.(1[2-9]|[2-9]\d)|dotnet([8-9]|\d\d)")
"""Java from 11, Python from 3.12, .NET from 8 on."""
_SNAPSTART_STORAGE_MB: Final = 512


@rule("PC_ABOVE_RESERVED", "more provisioned concurrency than the function's reserved concurrency")
def above_reserved(app: StreamingApp) -> Iterator[Found]:
    """The sum over a function's aliases, each at its most."""
    for function in app.functions.values():
        reserved = app.number(function.resource, "ReservedConcurrentExecutions")
        most = sum(_most(app, alias) for alias in app.aliases_of(function))
        if reserved is not None and most > reserved:
            yield Found(
                function.resource,
                f"its aliases may have {most:g} provisioned environments, its reserved concurrency is {reserved:g}: Lambda refuses this",
                f"Raise the reserved concurrency to at least {most:g}, or lower the provisioned.",
                "ReservedConcurrentExecutions",
            )


@rule("PC_WITH_WEIGHTS", "provisioned concurrency on an alias that splits its traffic")
def with_weights(app: StreamingApp) -> Iterator[Found]:
    """Lambda takes no change of provisioned concurrency while traffic is split."""
    for alias in app.aliases:
        if alias.is_warm and app.value(alias.resource, "RoutingConfig", "AdditionalVersionWeights"):
            yield Found(
                alias.resource,
                "the alias has provisioned concurrency and splits its traffic between versions, which Lambda refuses at the next change",
                "Remove the additional versions, or the provisioned concurrency.",
                "RoutingConfig.AdditionalVersionWeights",
            )


@rule("PC_WITH_SNAPSTART", "provisioned concurrency together with SnapStart")
def with_snapstart(app: StreamingApp) -> Iterator[Found]:
    """Lambda does not combine the two."""
    for function in app.functions.values():
        warm = [alias for alias in app.aliases_of(function) if alias.is_warm]
        if warm and app.value(function.resource, "SnapStart", "ApplyOn") == "PublishedVersions":
            yield Found(
                function.resource,
                f"the function uses SnapStart, and {warm[0].resource.path} provisioned concurrency; Lambda does not combine them",
                "Choose one of the two.",
                "SnapStart",
            )


@rule("SNAPSTART_UNAVAILABLE", "SnapStart on a function for which Lambda does not offer it")
def snapstart_unavailable(app: StreamingApp) -> Iterator[Found]:
    """Neither on other runtimes nor with what a picture of an environment cannot hold.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html.
    """
    for function in app.functions.values():
        resource = function.resource
        if app.value(resource, "SnapStart", "ApplyOn") == "PublishedVersions":
            for location, why in _against_snapstart(app, resource):
                yield Found(
                    resource,
                    f"SnapStart is on, and Lambda does not offer it {why}: the deployment fails",
                    "Remove SnapStart, or what speaks against it; provisioned concurrency shortens cold starts of every function.",
                    location,
                )


@rule("PC_STATIC_WITH_AUTOSCALING", "a static provisioned concurrency on an alias that autoscaling changes")
def static_with_autoscaling(app: StreamingApp) -> Iterator[Found]:
    """Every deployment would set the static value again, over what the load asked for."""
    for alias in app.aliases:
        for target in alias.scaled:
            if alias.fixed is None:
                continue
            most = app.number(target, "MaxCapacity")
            beyond = f", beyond autoscaling's maximum of {most:g}" if most is not None and alias.fixed > most else ""
            yield Found(
                alias.resource,
                f"the alias has a static provisioned concurrency of {alias.fixed:g}{beyond}, and {target.path} scales it: each deployment "
                "throws away what the load asked for",
                "Remove ProvisionedConcurrencyConfig from the alias; autoscaling makes it.",
                "ProvisionedConcurrencyConfig",
            )


@rule("AUTOSCALING_WITHOUT_POLICY", "autoscaling of provisioned concurrency that nothing drives")
def without_policy(app: StreamingApp) -> Iterator[Found]:
    """A target without a policy and without a schedule stays as it is, or fails the next deployment (aws/aws-cdk#29992)."""
    for target in app.scalable_targets:
        if not app.value(target, "ScheduledActions") and not _has_policy(app, target):
            yield Found(
                target,
                "nothing scales this target: it has neither a scaling policy nor scheduled actions",
                "Add a target tracking policy on the utilization, or scheduled actions, or remove the target.",
            )


@rule("AUTOSCALING_FROM_ZERO", "autoscaling of provisioned concurrency down to 0")
def from_zero(app: StreamingApp) -> Iterator[Found]:
    """Lambda has no provisioned concurrency of 0: the configuration is gone then, and the next deployment fails."""
    for target in app.scalable_targets:
        if app.number(target, "MinCapacity") == 0:
            yield Found(
                target,
                "MinCapacity is 0, and Lambda has no provisioned concurrency of 0: the next deployment fails (aws/aws-cdk#29992)",
                "Set MinCapacity to at least 1.",
                "MinCapacity",
            )


def _against_snapstart(app: StreamingApp, resource: Resource) -> Iterator[tuple[str, str]]:
    runtime = app.value(resource, "Runtime", default="")
    if app.value(resource, "PackageType", default="Zip") == "Image":
        yield "PackageType", "for container images"
    elif runtime and not _SNAPSTART_RUNTIME.match(str(runtime)):
        yield "Runtime", f"on {runtime}"
    if app.value(resource, "FileSystemConfigs"):
        yield "FileSystemConfigs", "with a file system of Amazon EFS"
    storage = app.number(resource, "EphemeralStorage", "Size")
    if storage is not None and storage > _SNAPSTART_STORAGE_MB:
        yield "EphemeralStorage.Size", f"with more than {_SNAPSTART_STORAGE_MB} MB of ephemeral storage ({storage:g} MB)"


def _most(app: StreamingApp, alias: Alias) -> float:
    scaled = [app.number(target, "MaxCapacity") or 0 for target in alias.scaled]
    return max([alias.fixed or 0, *scaled])


def _has_policy(app: StreamingApp, target: Resource) -> bool:
    resource_id = app.value(target, "ResourceId")
    for policy in app.assembly.of_type("AWS::ApplicationAutoScaling::ScalingPolicy"):
        # The target's Ref is its resource id with its dimension and service, `function:name:alias|lambda:...|lambda`.
        scaled = policy.raw.get("ScalingTargetId")
        if scaled == {"Ref": target.logical_id} and policy.stack is target.stack:
            return True
        if resource_id is not None and app.value(policy, "ResourceId") == resource_id:
            return True
        if scaled is not None and str(app.value(policy, "ScalingTargetId")).split("|")[0] == resource_id:
            return True
    return False
