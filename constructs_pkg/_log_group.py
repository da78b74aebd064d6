"""A log group of a construct's own, and the key that it is encrypted with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from constructs import Construct

_OWN: Final = "_streaming_own_log_group"
_KEY_ACTIONS: Final = ("kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*")


def own_log_group(scope: Construct, id: str, *, retention: logs.RetentionDays | None, key: kms.IKey | None) -> logs.LogGroup:
    """A log group that is deleted with its stack.

    Args:
        scope: What logs there.
        id: Its name below `scope`.
        retention: How long it keeps what is written. Default: one month.
        key: Encrypts it. Default: a key that AWS owns. The policy of a key of this app is made to let CloudWatch Logs use it.
    """
    if key is not None:
        _let_logs_use(key, Stack.of(scope))
    made = logs.LogGroup(
        scope,
        id,
        retention=retention or logs.RetentionDays.ONE_MONTH,
        encryption_key=key,
        removal_policy=RemovalPolicy.DESTROY,
    )
    vars(made)[_OWN] = True
    return made


def is_own(log_group: logs.ILogGroup) -> bool:
    """Whether `own_log_group` made it, and so of the class STANDARD."""
    return _OWN in vars(log_group)


def _let_logs_use(key: kms.IKey, stack: Stack) -> None:
    """CDK leaves this out (seen on 2.275.0), and CloudFormation then cannot make the log group.

    The log groups of the stack's account and region are named by pattern: one of them by name would make a key of another stack
    wait for this stack, which waits for the key
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html).
    """
    groups = stack.format_arn(service="logs", resource="log-group", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME)
    key.add_to_resource_policy(
        iam.PolicyStatement(
            actions=list(_KEY_ACTIONS),
            principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
            resources=["*"],
            conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
        )
    )
