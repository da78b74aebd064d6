"""Live candles, spreads and anomalies from a Kinesis stream of trades, for any number of viewers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from aws_cdk import CfnOutput, Duration, Environment, RemovalPolicy, Stack, TimeZone
from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs

from constructs_pkg import AlarmThresholds, ProvisionedConcurrency, StreamingCode, StreamingFunction, StreamLimits, WarmHours
from stacks.findings import acknowledge, acknowledge_newest_runtime

if TYPE_CHECKING:
    from constructs import Construct

_HANDLER: Final = Path(__file__).parent / "handler"
_KEPT: Final = Duration.days(1)


# A viewer holds its environment for minutes, so more viewers than warm environments are a good day and no alarm. The cost rings where
# some 300 viewers watch from the opening to the close.
_ALARMS: Final = AlarmThresholds(provisioned_spillover=None, provisioned_utilization_percent=None, daily_gb_seconds=2_000_000)


class FinancialStack(Stack):
    """`GET /live` on a Function URL that asks for IAM auth, behind one reader of a Kinesis stream.

    Kinesis lets a shard be read five times a second and 2 MB a second in all; with each viewer reading it, the sixth would get
    nothing. So one function reads the stream, and viewers look at what it leaves in a table (docs/adr/0005-one-reader-of-kinesis.md).

    Attributes:
        viewers: The streaming function.
        caller: A role of this account that may call the URL.
        trades: The Kinesis stream; None when a tape is replayed.
        board: The table; None when a tape is replayed.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        env: Environment | None = None,
        feed: str | None = None,
        shards: int = 1,
        candle: Duration | None = None,
        look: Duration | None = None,
        warm_viewers: int | None = None,
        speed: float = 60,
    ) -> None:
        """Makes the stack.

        Args:
            scope: Where it stands in the tree.
            id: Its name there.
            env: Account and region. Default: as CDK takes it, agnostic.
            feed: `kinesis`, or `replay` for a stack that shows a recorded tape and has neither stream nor table. Default: the
                context value `financial:feed`, else `kinesis`.
            shards: Of the Kinesis stream; each takes 1 MB or 1000 trades a second. Default: 1.
            candle: Length of a candle. Default: 1 minute.
            look: Time between two looks at the table. Default: 1 second, the pace at which Lambda reads a shard.
            warm_viewers: How many viewers at a time have started without a cold start in market hours; outside them it is 1.
                Default: the context value `financial:warm-viewers`, else 5.
            speed: How many seconds of the tape pass in one, in a replay. Default: 60.

        Raises:
            ValueError: `feed` is neither.
        """
        super().__init__(scope, id, env=env, description="Live candles, spreads and anomalies from a Kinesis stream of trades")
        feed = feed or self.node.try_get_context("financial:feed") or "kinesis"
        if feed not in ("kinesis", "replay"):
            raise ValueError(
                f"FEED: feed is {feed!r}; it is kinesis or replay. Set the context value financial:feed to one of them."
            )
        candle_seconds = f"{(candle or Duration.minutes(1)).to_seconds():g}"
        self.trades: kinesis.Stream | None = None
        self.board: dynamodb.TableV2 | None = None
        warm = int(warm_viewers or self.node.try_get_context("financial:warm-viewers") or 5)
        environment = {
            "FEED": feed,
            "CANDLE_SECONDS": candle_seconds,
            "LOOK_MILLISECONDS": f"{(look or Duration.seconds(1)).to_milliseconds():g}",
        }
        if feed == "replay":
            environment["SPEED"] = f"{speed:g}"
        else:
            self.trades = self._stream(shards)
            self.board = self._board()
            stored = {"TABLE": self.board.table_name, "KEPT_SECONDS": f"{_KEPT.to_seconds():g}"}
            self._reader(self.trades, self.board, {**stored, "CANDLE_SECONDS": candle_seconds})
            environment |= stored
        self.viewers = StreamingFunction(
            self,
            "Viewers",
            code=StreamingCode.python(_HANDLER),
            description="Shows viewers candles, spreads and anomalies as they come",
            memory_size=256,
            timeout=Duration.minutes(15),
            environment=environment,
            limits=StreamLimits(heartbeat_seconds=10),
            concurrency=_market_hours(warm),
            alarms=_ALARMS,
        )
        if self.board is not None:
            self.board.grant(self.viewers, "dynamodb:Query")
        self.caller = iam.Role(
            self, "Caller", assumed_by=iam.AccountRootPrincipal(), description="May watch the market, and nothing else"
        )
        self.viewers.grant_invoke_url(self.caller)
        CfnOutput(self, "LiveUrl", value=self.viewers.url.url, description="GET live?symbols=ACME,BOLT")
        CfnOutput(self, "CallerRoleArn", value=self.caller.role_arn, description="Assume this role to call the endpoint")
        acknowledge_newest_runtime(self.viewers.function)

    def _stream(self, shards: int) -> kinesis.Stream:
        stream = kinesis.Stream(
            self,
            "Trades",
            stream_mode=kinesis.StreamMode.PROVISIONED,
            shard_count=shards,
            encryption=kinesis.StreamEncryption.MANAGED,
            removal_policy=RemovalPolicy.DESTROY,
        )
        CfnOutput(self, "TradesStream", value=stream.stream_name, description="Where the feed puts its trades, keyed by symbol")
        return stream

    def _board(self) -> dynamodb.TableV2:
        board = dynamodb.TableV2(
            self,
            "Board",
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            time_to_live_attribute="ttl",
            removal_policy=RemovalPolicy.DESTROY,
        )
        acknowledge(board, "AwsSolutions-DDB3", "Holds the present and a day's events, which the stream gives again")
        return board

    def _reader(self, trades: kinesis.Stream, board: dynamodb.TableV2, environment: dict[str, str]) -> None:
        """The function that reads the stream, and what it takes to trust it: failures set aside, and alarms when it lags or fails."""
        unread = sqs.Queue(self, "Unread", enforce_ssl=True, retention_period=Duration.days(14))
        acknowledge(unread, "AwsSolutions-SQS3", "Is a dead letter queue itself: batches that the reader could not store")
        acknowledge(unread, "Serverless-SQSRedrivePolicy", "Is a dead letter queue itself")
        role = iam.Role(self, "ReaderRole", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group = logs.LogGroup(
            self, "ReaderLogs", retention=logs.RetentionDays.ONE_MONTH, removal_policy=RemovalPolicy.DESTROY
        )
        log_group.grant_write(role)
        acknowledge(role, "AwsSolutions-IAM5[Resource::*]", "X-Ray's actions take no resource")
        reader = lambda_.Function(
            self,
            "Reader",
            code=lambda_.Code.from_asset(str(_HANDLER), exclude=["**/__pycache__"]),
            handler="consumer.handler",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            memory_size=256,
            timeout=Duration.seconds(30),
            role=role,
            environment=environment,
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            tracing=lambda_.Tracing.ACTIVE,
            description="Reads the trades once, for all viewers",
        )
        board.grant(reader, "dynamodb:GetItem", "dynamodb:PutItem")
        reader.add_event_source(
            event_sources.KinesisEventSource(
                trades,
                starting_position=lambda_.StartingPosition.TRIM_HORIZON,
                batch_size=1_000,
                bisect_batch_on_error=True,
                report_batch_item_failures=True,
                retry_attempts=10,
                on_failure=event_sources.SqsDlq(unread),
            )
        )
        acknowledge_newest_runtime(reader)
        acknowledge(reader, "Serverless-LambdaDLQ", "An event source mapping calls it and sets failures aside in the queue")
        self._alarm("ReaderLags", reader.metric("IteratorAge", statistic="Maximum", period=Duration.minutes(1)), 10_000)
        self._alarm("ReaderFails", reader.metric_errors(period=Duration.minutes(1)), 1)

    def _alarm(self, id: str, metric: cloudwatch.Metric, threshold: float) -> None:
        cloudwatch.Alarm(
            self,
            id,
            metric=metric,
            threshold=threshold,
            evaluation_periods=3,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description="The one reader of the trades is behind by 10 s or fails: all viewers see an old market",
        )


def _market_hours(viewers: int) -> ProvisionedConcurrency:
    """The hours of the New York exchanges, and the quarter of an hour before in which environments start. Holidays are not known."""

    def weekdays(hour: int, minute: int) -> appscaling.Schedule:
        return appscaling.Schedule.cron(week_day="MON-FRI", hour=str(hour), minute=str(minute))

    hours = WarmHours(start=weekdays(9, 15), end=weekdays(16, 0), min_capacity=viewers, time_zone=TimeZone.AMERICA_NEW_YORK)
    return ProvisionedConcurrency.scheduled([hours])
