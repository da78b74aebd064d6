"""Streaming functions with everything around them that there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import Acknowledgment, Annotations, Duration, RemovalPolicy, TimeZone, Validations
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs

from constructs_pkg import (
    AlarmThresholds,
    BedrockModelAccess,
    BrowserIdentity,
    CanaryRollout,
    ProvisionedConcurrency,
    StreamAlarms,
    StreamingCode,
    StreamingDefaults,
    StreamingFunction,
    StreamingRestApi,
    StreamLimits,
    StreamStore,
    TrafficShift,
    WarmHours,
    WebAcl,
)

from .base import ANSWERS, CODE, ORIGIN, RUNBOOK, GalleryStack, plain_function

if TYPE_CHECKING:
    from aws_cdk import Environment
    from constructs import Construct

LIMITS: Final = StreamLimits(
    max_chunk_bytes=32_768,
    flush_interval_microseconds=1_000,
    heartbeat_seconds=10,
    deadline_margin_ms=2_000,
    max_duration_seconds=240,
    compression="off",
    redact=("email", "card-number"),
)
THRESHOLDS: Final = AlarmThresholds(
    url_5xx_percent=2,
    url_4xx_percent=30,
    errors=2,
    throttles=2,
    time_to_first_byte_ms=1_500,
    truncation_percent=2,
    provisioned_spillover=2,
    provisioned_utilization_percent=80,
    duration_timeout_percent=80,
    init_duration_ms=4_000,
    reserved_concurrency_percent=70,
    daily_gb_seconds=100_000,
)


class Chat(GalleryStack):
    """A chat endpoint in its fullest form, and its relatives: a canary, one that starts from a snapshot, a public one, one in a VPC.

    Attributes:
        chat: The fullest one.
    """

    def __init__(self, scope: Construct, id: str, *, env: Environment) -> None:
        super().__init__(scope, id, env=env)
        StreamingDefaults.set(
            self,
            memory_size=2_048,
            timeout=Duration.minutes(10),
            architecture=lambda_.Architecture.ARM_64,
            log_group_retention=logs.RetentionDays.THREE_MONTHS,
            limits=LIMITS,
            alarms=THRESHOLDS,
            alarm_actions=[self.ring],
            encryption_key=self.key,
            runbook=RUNBOOK,
        )
        self.code = StreamingCode.python(CODE / "python", runtime=lambda_.Runtime.PYTHON_3_14)
        self.pre_hook = plain_function(self, "PreHook", code=lambda_.Code.from_inline(ANSWERS))
        self.post_hook = plain_function(self, "PostHook", code=lambda_.Code.from_inline(ANSWERS))
        self.chat = self._fullest()
        self._canary()
        self._from_snapshot()
        self._public()
        self._in_vpc()
        self._rolled_out_by_hand()
        self._models().grant_stream(self.chat)
        self._let_everyone_call_who_may()

    def _fullest(self) -> StreamingFunction:
        store = StreamStore(
            self,
            "Store",
            retention=Duration.hours(2),
            streams_per_caller=5,
            encryption_key=self.key,
            point_in_time_recovery=True,
            deletion_protection=True,
            removal_policy=RemovalPolicy.RETAIN,
        )
        hours = WarmHours(
            start=appscaling.Schedule.cron(hour="7", minute="45", week_day="MON-FRI"),
            end=appscaling.Schedule.cron(hour="19", minute="0", week_day="MON-FRI"),
            min_capacity=5,
            max_capacity=30,
            time_zone=TimeZone.EUROPE_DUBLIN,
        )
        return StreamingFunction(
            self,
            "Chat",
            code=self.code,
            memory_size=2_048,
            timeout=Duration.minutes(10),
            architecture=lambda_.Architecture.ARM_64,
            environment={"GREETING": "hello"},
            description="Answers word by word",
            auth_type=lambda_.FunctionUrlAuthType.AWS_IAM,
            cors=BrowserIdentity.cors(ORIGIN),
            concurrency=ProvisionedConcurrency.scheduled(
                [hours], tracking=ProvisionedConcurrency.tracking(min_capacity=2, max_capacity=20, utilization=0.6)
            ),
            reserved_concurrent_executions=50,
            limits=LIMITS,
            alarms=THRESHOLDS,
            alarm_actions=[self.ring],
            paging_actions=[self.ring],
            dashboard=True,
            rollout=TrafficShift.all_at_once(pre_hook=self.pre_hook, post_hook=self.post_hook),
            stream_store=store,
            log_group_retention=logs.RetentionDays.THREE_MONTHS,
            encryption_key=self.key,
        )

    def _canary(self) -> None:
        StreamingFunction(
            self,
            "Canary",
            code=self.code,
            log_group=logs.LogGroup(
                self,
                "CanaryLogs",
                retention=logs.RetentionDays.THREE_MONTHS,
                encryption_key=self.key,
                removal_policy=RemovalPolicy.DESTROY,
            ),
            dashboard=cloudwatch.Dashboard(self, "Everything"),
            rollout=TrafficShift.canary(
                percent=20, interval=Duration.minutes(20), pre_hook=self.pre_hook, post_hook=self.post_hook
            ),
        )

    def _from_snapshot(self) -> None:
        StreamingFunction(
            self,
            "Snapshot",
            code=self.code,
            snap_start=True,
            rollout=TrafficShift.linear(
                percent=25, interval=Duration.minutes(5), pre_hook=self.pre_hook, post_hook=self.post_hook
            ),
        )

    def _public(self) -> None:
        StreamingFunction(
            self,
            "Public",
            code=self.code,
            memory_size=512,  # app.py acknowledges that it is not the default
            auth_type=lambda_.FunctionUrlAuthType.NONE,
            reserved_concurrent_executions=5,
            concurrency=ProvisionedConcurrency.fixed(2),
            alarms=AlarmThresholds.disabled(),
        )

    def _in_vpc(self) -> None:
        vpc = ec2.Vpc.from_vpc_attributes(
            self,
            "Vpc",
            vpc_id="vpc-0123456789abcdef0",
            availability_zones=["eu-west-1a", "eu-west-1b"],
            isolated_subnet_ids=["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
            isolated_subnet_route_table_ids=["rtb-0123456789abcdef0", "rtb-0123456789abcdef0"],
        )
        hours = WarmHours(
            start=appscaling.Schedule.cron(hour="8", minute="0"),
            end=appscaling.Schedule.cron(hour="18", minute="0"),
            min_capacity=3,
        )
        inside = StreamingFunction(
            self,
            "InVpc",
            code=self.code,
            vpc=vpc,
            concurrency=ProvisionedConcurrency.scheduled([hours], otherwise=2),
        )
        Annotations.of(inside).acknowledge_warning(
            "streaming-lambda:url-in-vpc", "what the Function URL does not do for a function in a VPC, the REST API here does"
        )
        api = StreamingRestApi(
            self,
            "InVpcApi",
            alias=inside.alias,
            endpoint_type=apigateway.EndpointType.PRIVATE,
            web_acl=WebAcl.disabled(),
        )
        api.api.grant_invoke_from_vpc_endpoints_only(
            [
                ec2.InterfaceVpcEndpoint.from_interface_vpc_endpoint_attributes(
                    self, "Endpoint", vpc_endpoint_id="vpce-0123456789abcdef0", port=443
                )
            ]
        )
        Validations.of(api.stage).acknowledge(
            Acknowledgment(
                id="AwsSolutions::AwsSolutions-APIG3",
                reason="The API is reached from inside the VPC alone; there is nobody to keep out",
            )
        )

    def _rolled_out_by_hand(self) -> None:
        function = plain_function(self, "Plain")
        alias = lambda_.Alias(self, "PlainAlias", alias_name="prod", version=function.current_version)
        CanaryRollout(
            self,
            "PlainRollout",
            alias=alias,
            shift=TrafficShift.canary(),
            alarms=StreamAlarms(self, "PlainAlarms", alias=alias, provisioned=False).felt,
            application=codedeploy.LambdaApplication(self, "Application"),
        )

    def _models(self) -> BedrockModelAccess:
        application = f"arn:aws:bedrock:{self.region}:{self.account}:application-inference-profile/abc123"
        return BedrockModelAccess(
            self,
            "Models",
            model_ids=[
                "amazon.nova-micro-v1:0",
                "eu.amazon.nova-lite-v1:0",
                "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
            ],
            application_profiles={application: "eu.amazon.nova-pro-v1:0"},
            destination_regions={"eu": ["eu-central-1", "eu-west-1", "eu-north-1"]},
            guardrails=[f"arn:aws:bedrock:{self.region}:{self.account}:guardrail/abc123"],
            guardrail_profiles=["eu.guardrail.v1:0"],
        )

    def _let_everyone_call_who_may(self) -> None:
        role = iam.Role(self, "Backend", assumed_by=iam.AccountRootPrincipal())
        self.chat.grant_invoke_url(role)
        self.chat.grant_invoke_url(iam.AccountPrincipal("999999999999"))
        self.chat.grant_invoke_url(iam.OrganizationPrincipal("o-abcdefghij"))
        self.chat.grant_invoke_url(iam.Role.from_role_arn(self, "Imported", "arn:aws:iam::999999999999:role/theirs"))
        self.chat.grant_invoke_url(
            iam.ServicePrincipal("events.amazonaws.com"),
            source_arn=f"arn:aws:events:{self.region}:{self.account}:rule/nightly",
            source_account=self.account,
        )
        self.chat.add_environment("MORE", "yes")
