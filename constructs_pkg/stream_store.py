"""The table behind cancel and resume: what a stream has sent, whether it is to stop, and how many a caller has running."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from ._tokens import is_token, text
from ._variables import variables_of
from .defaults import StreamingDefaults

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms

TABLE_VARIABLE: Final = "STREAM_STORE_TABLE"
RETENTION_VARIABLE: Final = "STREAM_STORE_RETENTION_SECONDS"
STREAMS_PER_CALLER_VARIABLE: Final = "STREAM_STORE_STREAMS_PER_CALLER"

_ITEM_ACTIONS: Final = ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:Query")
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
_KEY_ACTIONS: Final = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
_RETENTION_SECONDS: Final = (60, 604_800)
_STREAMS_PER_CALLER: Final = (1, 1_000)


class StreamStore(Construct):
    """A DynamoDB table in which the runtime keeps its streams, so that callers can cancel and resume them.

    One table serves any number of functions: stream ids are unguessable, and every item names its owner. The keys and items
    are a contract with the runtime; they stand in `docs/constructs/StreamStore.md`.

    Attributes:
        table: The L2 `Table`, on demand, with `pk` and `sk` as keys and `ttl` as its time to live.
        retention: How long after its last event a stream can be resumed.
        streams_per_caller: Most streams that one caller may have running, or None.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        retention: Duration | None = None,
        streams_per_caller: int | None = None,
        encryption_key: kms.IKey | None = None,
        point_in_time_recovery: bool = True,
        deletion_protection: bool = False,
        removal_policy: RemovalPolicy = RemovalPolicy.DESTROY,
    ) -> None:
        """Makes the table.

        Args:
            retention: How long after its last event a stream can be resumed; then DynamoDB deletes it, within a few days and free
                of charge. Default: 1 hour. Allowed: 1 minute to 7 days.
            streams_per_caller: Most streams that one caller may have running at a time; a further one is answered 429 with
                Retry-After. A caller is whom IAM knows, so that a backend that calls for all its users is one, and so is everyone
                behind CloudFront or signed in by Cognito, unless the handler names the user (`streaming_handler(caller=...)`).
                Default: no bound. Allowed: 1 to 1000.
            encryption_key: Encrypts the table. Default: the one of `StreamingDefaults`, else a key that AWS owns.
            point_in_time_recovery: Whether the table can be restored to any second of the last 35 days. Default: yes.
            deletion_protection: Whether DynamoDB refuses to delete the table. Default: no; it holds what streams of the last
                `retention` have said, and nothing else.
            removal_policy: What becomes of the table when it leaves the stack. Default: it is deleted.

        Raises:
            ValueError: `STORE_RETENTION`, `STORE_STREAMS_PER_CALLER`, `STORE_PROTECTED_AND_DESTROYED`.
        """
        super().__init__(scope, id)
        self.retention = retention or Duration.hours(1)
        self.streams_per_caller = streams_per_caller
        _check_retention(self.retention)
        _check_streams_per_caller(streams_per_caller)
        if deletion_protection and removal_policy == RemovalPolicy.DESTROY:
            raise ValueError(
                f"STORE_PROTECTED_AND_DESTROYED: {self.node.path} is protected from deletion and is to be deleted with its stack, which then "
                "fails. Pass removal_policy=RemovalPolicy.RETAIN, or leave deletion_protection out."
            )
        key = encryption_key or StreamingDefaults.of(self).encryption_key
        self.table = dynamodb.Table(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            time_to_live_attribute="ttl",
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED if key is not None else None,
            encryption_key=key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=point_in_time_recovery
            ),
            deletion_protection=deletion_protection,
            removal_policy=removal_policy,
        )

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which the runtime learns of the store."""
        variables = {
            TABLE_VARIABLE: self.table.table_name,
            RETENTION_VARIABLE: text(self.retention.to_seconds()),
        }
        if self.streams_per_caller is not None:
            variables[STREAMS_PER_CALLER_VARIABLE] = text(self.streams_per_caller)
        return variables

    def attach_to(self, function: lambda_.Function) -> None:
        """Lets `function` keep its streams here: permissions, and environment variables.

        Args:
            function: A `Function` of this app that runs our runtime; of a `StreamingFunction`, its `.function`.

        Raises:
            ValueError: `STORE_ON_IMPORTED` for an imported function, `STORE_ALREADY_ATTACHED` when it has a store.
        """
        resource = function.node.default_child
        if not isinstance(function, lambda_.Function) or not isinstance(resource, lambda_.CfnFunction):
            raise ValueError(
                f"STORE_ON_IMPORTED: {function.node.path} is not a function of this app, so no variable can be set on it. "
                "Attach the store where the function is defined."
            )
        if TABLE_VARIABLE in variables_of(resource):
            raise ValueError(
                f"STORE_ALREADY_ATTACHED: {function.node.path} sets {TABLE_VARIABLE} already, and the runtime keeps its streams in one "
                "place. Attach one StreamStore."
            )
        for name, value in self.environment.items():
            function.add_environment(name, value)
        self.grant_read_write(function)

    def grant_read_write(self, grantee: iam.IGrantable) -> iam.Grant:
        """Lets `grantee` do what the runtime does: read, write, update and delete items and query a stream's. No scan, no indexes."""
        grant = iam.Grant.add_to_principal(grantee=grantee, actions=list(_ITEM_ACTIONS), resource_arns=[self.table.table_arn])
        grant.assert_success()
        if self.table.encryption_key is not None:
            self.table.encryption_key.grant(grantee, *_KEY_ACTIONS)
        return grant


def _check_retention(retention: Duration) -> None:
    lowest, highest = _RETENTION_SECONDS
    if retention.is_unresolved():
        return  # the runtime refuses what is out of its range
    seconds = retention.to_milliseconds() / 1000
    if seconds != int(seconds) or not lowest <= seconds <= highest:
        raise ValueError(
            f"STORE_RETENTION: retention is {seconds:g} s; it takes whole seconds from 1 minute to 7 days. "
            "Keep what an answer needs to be picked up again, such as Duration.hours(1)."
        )


def _check_streams_per_caller(streams: int | None) -> None:
    lowest, highest = _STREAMS_PER_CALLER
    if is_token(streams):
        return
    if streams is not None and (isinstance(streams, bool) or not isinstance(streams, int) or not lowest <= streams <= highest):
        raise ValueError(
            f"STORE_STREAMS_PER_CALLER: streams_per_caller is {streams!r}; it takes an integer from {lowest} to {highest}. "
            "Leave it out for no bound."
        )
