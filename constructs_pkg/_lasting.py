"""What never changes about a construct, asked once: each question is a trip to jsii's Node and back.

jsii keeps every Python construct it has seen, so what is noted on one lives as long as it does.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from aws_cdk import Duration, Stack
from aws_cdk import aws_lambda as lambda_

if TYPE_CHECKING:
    from constructs import IConstruct, Node

_NODE: Final = "_streaming_node"
_STACK: Final = "_streaming_stack"
_RESOURCE: Final = "_streaming_resource"
_FUNCTION: Final = "_streaming_function"
_NAME: Final = "_streaming_name"
_ALIAS_NAME: Final = "_streaming_alias_name"
_RUNTIME_NAME: Final = "_streaming_runtime_name"
_ARCHITECTURE_NAME: Final = "_streaming_architecture_name"
_REGION: Final = "_streaming_region"
_ACCOUNT: Final = "_streaming_account"


@cache
def minutes(number: int) -> Duration:
    """`Duration.minutes(number)`; durations never change."""
    return Duration.minutes(number)


@cache
def python_runtime(name: str) -> lambda_.Runtime:
    """CDK's own constant: `Runtime.PYTHON_3_13` for `python3.13`. It knows more of a runtime than `Runtime(name)` would."""
    runtime: lambda_.Runtime = getattr(lambda_.Runtime, name.replace(".", "_").replace("python", "PYTHON_"))
    return runtime


@cache
def arm_64() -> lambda_.Architecture:
    """`Architecture.ARM_64`."""
    return lambda_.Architecture.ARM_64


@cache
def x86_64() -> lambda_.Architecture:
    """`Architecture.X86_64`."""
    return lambda_.Architecture.X86_64


def node_of(construct: IConstruct) -> Node:
    """`construct.node`."""
    noted = vars(construct)
    if _NODE not in noted:
        noted[_NODE] = construct.node
    node: Node = noted[_NODE]
    return node


def stack_of(construct: IConstruct) -> Stack:
    """`Stack.of(construct)`."""
    noted = vars(construct)
    if _STACK not in noted:
        noted[_STACK] = Stack.of(construct)
    stack: Stack = noted[_STACK]
    return stack


def made_in(scope: IConstruct, *made: IConstruct) -> None:
    """Notes that what was just made is in the stack of `scope`."""
    for construct in made:
        vars(construct)[_STACK] = stack_of(scope)


def resource_of(construct: IConstruct) -> IConstruct | None:
    """The L1 of an L2 that is made: `construct.node.default_child`; None of an imported one."""
    noted = vars(construct)
    if _RESOURCE not in noted:
        noted[_RESOURCE] = node_of(construct).default_child
    resource: IConstruct | None = noted[_RESOURCE]
    return resource


def function_of(alias: lambda_.IAlias) -> lambda_.IFunction:
    """The function behind an alias: `alias.version.lambda_`."""
    noted = vars(alias)
    if _FUNCTION not in noted:
        noted[_FUNCTION] = alias.version.lambda_
    function: lambda_.IFunction = noted[_FUNCTION]
    return function


def made_on(alias: lambda_.IAlias, function: lambda_.IFunction, name: str) -> None:
    """Notes function and name of an alias that was just made on a published version of it."""
    vars(alias)[_FUNCTION] = function
    vars(alias)[_ALIAS_NAME] = name


def is_published(alias: lambda_.IAlias) -> bool:
    """Whether `made_on` has noted that the alias is on a published version."""
    return _ALIAS_NAME in vars(alias)


def alias_name_of(alias: lambda_.IAlias) -> str:
    """`alias.alias_name`."""
    noted = vars(alias)
    if _ALIAS_NAME in noted:
        name: str = noted[_ALIAS_NAME]
        return name
    return alias.alias_name


def runtime_name_of(runtime: lambda_.Runtime) -> str:
    """`runtime.name`."""
    noted = vars(runtime)
    if _RUNTIME_NAME not in noted:
        noted[_RUNTIME_NAME] = runtime.name
    name: str = noted[_RUNTIME_NAME]
    return name


def architecture_name_of(architecture: lambda_.Architecture) -> str:
    """`architecture.name`."""
    noted = vars(architecture)
    if _ARCHITECTURE_NAME not in noted:
        noted[_ARCHITECTURE_NAME] = architecture.name
    name: str = noted[_ARCHITECTURE_NAME]
    return name


def region_of(stack: Stack) -> str:
    """`stack.region`."""
    noted = vars(stack)
    if _REGION not in noted:
        noted[_REGION] = stack.region
    region: str = noted[_REGION]
    return region


def account_of(stack: Stack) -> str:
    """`stack.account`."""
    noted = vars(stack)
    if _ACCOUNT not in noted:
        noted[_ACCOUNT] = stack.account
    account: str = noted[_ACCOUNT]
    return account


def name_of(function: lambda_.IFunction) -> str:
    """`function.function_name`."""
    noted = vars(function)
    if _NAME not in noted:
        noted[_NAME] = function.function_name
    name: str = noted[_NAME]
    return name
