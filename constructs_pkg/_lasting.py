"""What never changes about a construct, asked once: each question is a trip to jsii's Node and back.

jsii keeps every Python construct it has seen, so what is noted on one lives as long as it does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import Stack

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_
    from constructs import IConstruct, Node

_NODE: Final = "_streaming_node"
_STACK: Final = "_streaming_stack"
_RESOURCE: Final = "_streaming_resource"
_FUNCTION: Final = "_streaming_function"
_NAME: Final = "_streaming_name"


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


def made_on(alias: lambda_.IAlias, function: lambda_.IFunction) -> None:
    """Notes the function behind an alias that was just made on it."""
    vars(alias)[_FUNCTION] = function


def name_of(function: lambda_.IFunction) -> str:
    """`function.function_name`."""
    noted = vars(function)
    if _NAME not in noted:
        noted[_NAME] = function.function_name
    name: str = noted[_NAME]
    return name
