"""What a StreamingFunction makes with everything left at its defaults, written out by hand with CDK's own L2 constructs."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

LAYER = Path(__file__).parents[1] / "constructs_pkg" / "runtime"
PERIOD = Duration.minutes(5)


class HandWritten(Construct):
    """The same resources with the same properties, and not a call more than they need."""

    def __init__(self, scope: Construct, id: str, entry: Path) -> None:
        super().__init__(scope, id)
        log_group = logs.LogGroup(self, "Logs", retention=logs.RetentionDays.ONE_MONTH, removal_policy=RemovalPolicy.DESTROY)
        tracing = iam.PolicyStatement(actions=["xray:PutTraceSegments", "xray:PutTelemetryRecords"], resources=["*"])
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={"Tracing": iam.PolicyDocument(statements=[tracing])},
        )
        log_group.grant_write(role)
        layer = lambda_.LayerVersion(
            self,
            "Layer",
            code=lambda_.Code.from_asset(str(LAYER), exclude=["**/__pycache__"]),
            compatible_runtimes=[
                lambda_.Runtime.PYTHON_3_11,
                lambda_.Runtime.PYTHON_3_12,
                lambda_.Runtime.PYTHON_3_13,
                lambda_.Runtime.PYTHON_3_14,
            ],
            compatible_architectures=[lambda_.Architecture.ARM_64, lambda_.Architecture.X86_64],
            description="Streams the responses of Python functions",
        )
        function = lambda_.Function(
            self,
            "Function",
            role=role,
            code=lambda_.Code.from_asset(str(entry), exclude=["**/__pycache__"]),
            handler="index.handler",
            runtime=lambda_.Runtime.PYTHON_3_13,
            layers=[layer],
            architecture=lambda_.Architecture.ARM_64,
            memory_size=1024,
            timeout=Duration.minutes(5),
            environment={
                "AWS_LAMBDA_EXEC_WRAPPER": "/opt/streaming-wrapper",
                "STREAM_COMPRESSION": "auto",
                "STREAM_DEADLINE_MARGIN_MS": "1000",
                "STREAM_FLUSH_INTERVAL_MICROSECONDS": "500",
                "STREAM_HEARTBEAT_SECONDS": "15",
                "STREAM_MAX_CHUNK_BYTES": "65536",
            },
            tracing=lambda_.Tracing.ACTIVE,
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            application_log_level_v2=lambda_.ApplicationLogLevel.INFO,
            system_log_level_v2=lambda_.SystemLogLevel.DEBUG,
            current_version_options=lambda_.VersionOptions(removal_policy=RemovalPolicy.RETAIN),
        )
        alias = lambda_.Alias(self, "Alias", alias_name="live", version=function.current_version)
        alias.add_function_url(auth_type=lambda_.FunctionUrlAuthType.AWS_IAM, invoke_mode=lambda_.InvokeMode.RESPONSE_STREAM)
        self._watch(log_group, function)

    def _watch(self, log_group: logs.LogGroup, function: lambda_.Function) -> None:
        streamed = '{ $.type = "platform.runtimeDone" && $.record.spans[0].name = "responseLatency" }'
        broken = (
            '{ $.type = "platform.runtimeDone" && $.record.spans[0].name = "responseLatency" && $.record.status != "success" }'
        )
        started = '{ $.type = "platform.initReport" && $.record.initializationType = "on-demand" }'
        restored = '{ $.type = "platform.restoreReport" }'
        name = function.function_name
        for id, pattern, metric, value, unit in (
            ("TimeToFirstByte", streamed, "TimeToFirstByte", "$.record.spans[0].durationMs", cloudwatch.Unit.MILLISECONDS),
            ("TruncatedStreams", broken, "TruncatedStreams", "1", cloudwatch.Unit.COUNT),
            ("ProducedBytes", streamed, "ProducedBytes", "$.record.metrics.producedBytes", cloudwatch.Unit.BYTES),
            ("InitDuration", started, "InitDuration", "$.record.metrics.durationMs", cloudwatch.Unit.MILLISECONDS),
            ("RestoreDuration", restored, "InitDuration", "$.record.metrics.durationMs", cloudwatch.Unit.MILLISECONDS),
        ):
            logs.MetricFilter(
                self,
                id,
                log_group=log_group,
                filter_pattern=logs.FilterPattern.literal(pattern),
                metric_namespace="StreamingLambda",
                metric_name=f"{metric}/{name}",
                metric_value=value,
                unit=unit,
            )
        dimensions = {"FunctionName": name, "Resource": f"{name}:live"}

        def of_alias(metric: str, statistic: str, period: Duration = PERIOD) -> cloudwatch.Metric:
            return cloudwatch.Metric(
                namespace="AWS/Lambda", metric_name=metric, dimensions_map=dimensions, statistic=statistic, period=period
            )

        def logged(metric: str, statistic: str) -> cloudwatch.Metric:
            return cloudwatch.Metric(
                namespace="StreamingLambda", metric_name=f"{metric}/{name}", statistic=statistic, period=PERIOD
            )

        def share(
            part: str, parts: cloudwatch.IMetric, of: str, whole: cloudwatch.IMetric, label: str
        ) -> cloudwatch.MathExpression:
            return cloudwatch.MathExpression(
                expression=f"IF(FILL({of}, 0) > 0, 100 * FILL({part}, 0) / FILL({of}, 1), 0)",
                using_metrics={of: whole, part: parts},
                label=label,
                period=PERIOD,
            )

        requests = of_alias("UrlRequestCount", "Sum")
        invocations = cloudwatch.Metric(
            namespace="AWS/Lambda",
            metric_name="Invocations",
            dimensions_map={"FunctionName": name},
            statistic="Sum",
            period=PERIOD,
        )
        day = Duration.days(1)
        gigabyte_seconds = cloudwatch.MathExpression(
            expression="duration / 1000 * 1024 / 1024",
            using_metrics={"duration": of_alias("Duration", "Sum", day)},
            label="GB-seconds",
            period=day,
        )
        metrics: tuple[tuple[str, cloudwatch.IMetric, float, int, int | None], ...] = (
            ("Url5xx", share("failed", of_alias("Url5xxCount", "Sum"), "requests", requests, "URL 5xx rate (%)"), 1, 1, None),
            ("Url4xx", share("failed4xx", of_alias("Url4xxCount", "Sum"), "requests", requests, "URL 4xx rate (%)"), 20, 3, 2),
            ("Errors", of_alias("Errors", "Sum"), 1, 1, None),
            ("Throttles", of_alias("Throttles", "Sum"), 1, 1, None),
            ("TimeToFirstByteAlarm", logged("TimeToFirstByte", "p99"), 1000, 3, 2),
            (
                "Truncation",
                share(
                    "truncated", logged("TruncatedStreams", "Sum"), "functionInvocations", invocations, "Truncated streams (%)"
                ),
                1,
                1,
                None,
            ),
            ("InitDurationAlarm", logged("InitDuration", "Maximum"), 5000, 1, None),
            ("Duration", of_alias("Duration", "Maximum"), 270_000, 1, None),
            ("DailyCost", gigabyte_seconds, 500_000, 1, None),
        )
        for id, metric_, threshold, periods, datapoints in metrics:
            cloudwatch.Alarm(
                self,
                id,
                metric=metric_,
                threshold=threshold,
                evaluation_periods=periods,
                datapoints_to_alarm=datapoints,
                alarm_description=f"{id}: what is wrong, what it means for callers, and where the runbook says what to do.",
                treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            )
