"""ProvisionedConcurrency on any alias, and what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template

from constructs_pkg import ProvisionedConcurrency

if TYPE_CHECKING:
    from collections.abc import Callable


def make_function(stack: Stack, **parameters: Any) -> lambda_.Function:
    return lambda_.Function(
        stack,
        "Plain",
        code=lambda_.Code.from_inline("def handler(event, context): return 1"),
        handler="index.handler",
        runtime=lambda_.Runtime.PYTHON_3_13,
        **parameters,
    )


def make_alias(function: lambda_.Function, **parameters: Any) -> lambda_.Alias:
    given = {"alias_name": "live", "version": function.current_version, **parameters}
    return lambda_.Alias(Stack.of(function), "PlainAlias", **given)


def test_it_applies_to_a_plain_alias(stack: Stack) -> None:
    ProvisionedConcurrency.fixed(4).apply_to(make_alias(make_function(stack)))
    Template.from_stack(stack).has_resource_properties(
        "AWS::Lambda::Alias", {"ProvisionedConcurrencyConfig": {"ProvisionedConcurrentExecutions": 4}}
    )


@pytest.mark.parametrize("count", [0, -1, 1.5, True, "2"])
def test_fewer_than_one_or_no_number_is_refused(count: Any) -> None:
    with pytest.raises(ValueError, match="^PC_BELOW_ONE: "):
        ProvisionedConcurrency.fixed(count)


def test_equal_to_the_reserved_concurrency_is_allowed(stack: Stack) -> None:
    ProvisionedConcurrency.fixed(3).apply_to(make_alias(make_function(stack, reserved_concurrent_executions=3)))


@pytest.mark.parametrize(
    ("function", "alias", "code"),
    [
        ({"reserved_concurrent_executions": 2}, {}, "PC_ABOVE_RESERVED"),
        ({"reserved_concurrent_executions": 0}, {}, "PC_ABOVE_RESERVED"),
        ({"snap_start": lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS}, {}, "PC_WITH_SNAPSTART"),
        ({}, {"provisioned_concurrent_executions": 1}, "PC_ALREADY_SET"),
    ],
)
def test_what_lambda_would_refuse_later_is_refused_now(
    function: dict[str, Any], alias: dict[str, Any], code: str, make_stack: Callable[..., Stack]
) -> None:
    made = make_alias(make_function(make_stack(), **function), **alias)
    with pytest.raises(ValueError, match=f"^{code}: "):
        ProvisionedConcurrency.fixed(3).apply_to(made)


def test_weighted_versions_are_refused(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    function = make_function(stack)
    other = lambda_.Version(stack, "Other", lambda_=function)
    alias = make_alias(function, additional_versions=[lambda_.VersionWeight(version=other, weight=0.1)])
    with pytest.raises(ValueError, match="^PC_WITH_WEIGHTS: "):
        ProvisionedConcurrency.fixed(1).apply_to(alias)


def test_latest_is_refused(make_stack: Callable[..., Stack]) -> None:
    function = make_function(make_stack())
    with pytest.raises(ValueError, match="^PC_ON_LATEST: "):
        ProvisionedConcurrency.fixed(1).apply_to(make_alias(function, version=function.latest_version))


def test_an_imported_alias_is_refused(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    version = lambda_.Version.from_version_arn(stack, "V", "arn:aws:lambda:eu-west-1:123456789012:function:f:3")
    alias = lambda_.Alias.from_alias_attributes(stack, "A", alias_name="live", alias_version=version)
    with pytest.raises(ValueError, match="^PC_ON_IMPORTED: "):
        ProvisionedConcurrency.fixed(1).apply_to(alias)
