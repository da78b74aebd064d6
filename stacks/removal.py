"""What becomes of people, logs and documents when the examples are deleted: the context value `removal-policy`.

`retain`, the default, leaves each resource as its stack makes it: whoever deletes a stack by accident loses no people and no access logs.
`destroy` is for trying out: nothing is left. Versions stay retained under both, as a rollback needs them; they go with their function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from aws_cdk import CfnDeletionPolicy, CfnResource, Mixins, RemovalPolicy, Stack
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk.aws_s3 import mixins as s3_mixins

if TYPE_CHECKING:
    from constructs import Construct, IConstruct

CONTEXT: Final = "removal-policy"
RETAIN, DESTROY = "retain", "destroy"

_KEEPS: Final = (CfnDeletionPolicy.RETAIN, CfnDeletionPolicy.RETAIN_EXCEPT_ON_CREATE)
_EMPTIER: Final = "Custom::S3AutoDeleteObjectsCustomResourceProvider"


def apply_removal_policy(scope: IConstruct) -> None:
    """Lets everything below `scope` be deleted with its stack, where the context value asks for it; else does nothing.

    Call it when all is made. Tables that were to be kept go too: who says `destroy` means it.

    Raises:
        ValueError: `REMOVAL_POLICY`: the context value is neither.
    """
    wanted = scope.node.try_get_context(CONTEXT) or RETAIN
    if wanted not in (RETAIN, DESTROY):
        raise ValueError(
            f"REMOVAL_POLICY: removal-policy is {wanted!r}; it is retain or destroy. Set the context value removal-policy to one of them."
        )
    if wanted == RETAIN:
        return
    for found in scope.node.find_all():
        if not isinstance(found, CfnResource) or isinstance(found, lambda_.CfnVersion):
            continue
        if found.cfn_options.deletion_policy in _KEEPS:
            found.apply_removal_policy(RemovalPolicy.DESTROY)
        if isinstance(found, cognito.CfnUserPool):
            found.deletion_protection = "INACTIVE"
        elif isinstance(found, s3.CfnBucket):
            _empty_first(found)


def _empty_first(bucket: s3.CfnBucket) -> None:
    """S3 deletes no bucket that has objects in it, so CDK's own function empties it before."""
    Mixins.of(bucket).apply(s3_mixins.BucketAutoDeleteObjects())
    stack = Stack.of(bucket)
    provider = cast("Construct", stack.node.find_child(_EMPTIER))
    if provider.node.try_find_child("Logs") is None:
        _give_logs(provider)


def _give_logs(provider: Construct) -> None:
    """The function's log, in a group of the stack: the one that Lambda makes by itself would be left, and so may not be made."""
    group = logs.LogGroup(provider, "Logs", retention=logs.RetentionDays.ONE_WEEK, removal_policy=RemovalPolicy.DESTROY)
    function, role = (cast("CfnResource", provider.node.find_child(name)) for name in ("Handler", "Role"))
    function.add_property_override("LoggingConfig", {"LogGroup": group.log_group_name})
    statement = {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": group.log_group_arn}
    policy = {"PolicyName": "Log", "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
    role.add_property_deletion_override("ManagedPolicyArns")
    role.add_property_override("Policies", [policy])
