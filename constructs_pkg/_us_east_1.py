"""The one region in which CloudFront looks for its web ACL, its certificate and its edge functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from aws_cdk import CrossStackReferences, Environment, NestedStack, ReferenceStrength, Stack, Stage
from constructs import Construct

from ._tokens import is_unresolved

if TYPE_CHECKING:
    from constructs import IConstruct

US_EAST_1: Final = "us-east-1"


def scope_in_us_east_1(scope: Construct, *, what: str, instead: str) -> Construct:
    """Where `what` is to be made: below `scope` itself in us-east-1, else in a support stack beside scope's stack.

    CDK writes a template that cannot be deployed, without a word, when a stack elsewhere makes a CLOUDFRONT web ACL (seen on
    2.275.0). The support stack is shared by all fronts of one stack; it is deployed first, and CDK must have been
    bootstrapped in us-east-1.

    Args:
        scope: The construct that needs it.
        what: Its name, for the message.
        instead: What to give instead where it cannot be made.

    Raises:
        ValueError: `WAF_REGION` when the region of scope's stack is not known at synthesis.
    """
    stack = _topmost(Stack.of(scope))
    if is_unresolved(stack.region):
        raise ValueError(
            f"WAF_REGION: {scope.node.path} needs {what}, which CloudFront takes from us-east-1 alone, and the region of its stack is "
            f"not known at synthesis. Give the stack env=Environment(region=...), or {instead}."
        )
    if stack.region == US_EAST_1:
        return scope
    support = _support_stack(stack)
    name = "-".join(scope.node.path.removeprefix(f"{stack.node.path}/").split("/"))
    found = support.node.try_find_child(name)
    return found if isinstance(found, Construct) else Construct(support, name)


def readable_from_elsewhere(construct: IConstruct) -> None:
    """Lets another region's stack read `construct` by `Fn::GetStackOutput`, whatever the app's default is.

    The alternatives are custom resources, each a Lambda function of its own in the user's account
    (https://github.com/aws/aws-cdk/blob/main/packages/aws-cdk-lib/README.md#reference-strength).
    """
    CrossStackReferences.of(construct).produce(ReferenceStrength.WEAK)


def _support_stack(stack: Stack) -> Stack:
    root = Stage.of(stack) or cast("Construct", stack.node.root)
    id = f"{stack.node.id}-{US_EAST_1}"
    found = root.node.try_find_child(id)
    if isinstance(found, Stack):
        return found
    support = Stack(
        root,
        id,
        stack_name=f"{stack.stack_name}-{US_EAST_1}",
        description=f"What CloudFront takes from us-east-1 alone, for {stack.stack_name}",
        env=Environment(region=US_EAST_1, account=None if is_unresolved(stack.account) else stack.account),
        tags=stack.tags.tag_values(),
        termination_protection=stack.termination_protection,
    )
    stack.add_stack_dependency(support)
    return support


def _topmost(stack: Stack) -> Stack:
    while isinstance(stack, NestedStack) and stack.nested_stack_parent is not None:
        stack = stack.nested_stack_parent
    return stack
