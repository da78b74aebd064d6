"""StreamMetrics: each metric under its own name, with the dimensions it has, and the log filters that feed some of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Duration, Environment, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk.assertions import Annotations, Match, Template

from constructs_pkg.observability import metric_names as names
from constructs_pkg.observability.log_metrics import StreamLogMetrics
from constructs_pkg.observability.metrics import StreamMetrics
from constructs_pkg.observability.runtime_metrics import RuntimeMetrics

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = Path(__file__).parents[2] / "docs" / "constructs" / "StreamMetrics.md"
EXISTING = "arn:aws:lambda:eu-west-1:123456789012:function:existing:3"
OF_ALIAS = [{"name": "FunctionName", "value": "existing"}, {"name": "Resource", "value": "existing:prod"}]
OF_FUNCTION = [{"name": "FunctionName", "value": "existing"}]

SUM, MAXIMUM = "Sum", "Maximum"
LAMBDA_OF_ALIAS = {
    "invocations": ("Invocations", SUM),
    "errors": ("Errors", SUM),
    "throttles": ("Throttles", SUM),
    "duration": ("Duration", MAXIMUM),
    "active_streams": ("ConcurrentExecutions", MAXIMUM),
    "provisioned_active": ("ProvisionedConcurrentExecutions", MAXIMUM),
    "provisioned_utilization": ("ProvisionedConcurrencyUtilization", MAXIMUM),
    "provisioned_spillover": ("ProvisionedConcurrencySpilloverInvocations", SUM),
    "url_requests": ("UrlRequestCount", SUM),
    "url_4xx": ("Url4xxCount", SUM),
    "url_5xx": ("Url5xxCount", SUM),
}
LAMBDA_OF_FUNCTION = {"function_invocations": ("Invocations", SUM), "function_concurrency": ("ConcurrentExecutions", MAXIMUM)}
FROM_LOG = {
    "time_to_first_byte": ("TimeToFirstByte/existing", "p99"),
    "init_duration": ("InitDuration/existing", MAXIMUM),
    "truncated_streams": ("TruncatedStreams/existing", SUM),
    "produced_bytes": ("ProducedBytes/existing", SUM),
}
RUNTIME = {
    "time_to_first_byte": ("TimeToFirstByte", "p99"),
    "time_to_first_token": ("gen_ai.server.time_to_first_token", "p99"),
    "time_per_output_token": ("gen_ai.server.time_per_output_token", "p50"),
    "stream_duration": ("gen_ai.server.request.duration", "p50"),
    "tokens_per_second": ("TokensPerSecond", "p50"),
    "output_tokens": ("gen_ai.usage.output_tokens", SUM),
    "input_tokens": ("gen_ai.usage.input_tokens", SUM),
    "longest_gap": ("LongestGap", "p99"),
    "bytes_streamed": ("BytesStreamed", SUM),
    "chunks_streamed": ("ChunksStreamed", SUM),
}


def imported(stack: Stack) -> lambda_.IAlias:
    version = lambda_.Version.from_version_arn(stack, "V", EXISTING)
    return lambda_.Alias.from_alias_attributes(stack, "A", alias_name="prod", alias_version=version)


def plain(stack: Stack, **parameters: Any) -> lambda_.Function:
    return lambda_.Function(
        stack,
        "Plain",
        runtime=lambda_.Runtime.NODEJS_24_X,
        handler="index.handler",
        code=lambda_.Code.from_inline("exports.handler = awslambda.streamifyResponse(async (event, out) => out.end('hello'))"),
        **parameters,
    )


def shape(metric: cloudwatch.Metric) -> tuple[str, str, str, list[dict[str, str]]]:
    config = metric.to_metric_config().metric_stat
    assert config is not None
    dimensions = [{"name": found.name, "value": found.value} for found in config.dimensions or []]
    return config.namespace, config.metric_name, config.statistic, dimensions


def test_each_of_lambdas_metrics_of_the_alias_carries_both_dimensions(make_stack: Callable[..., Stack]) -> None:
    metrics = StreamMetrics(imported(make_stack()))
    for method, (name, statistic) in LAMBDA_OF_ALIAS.items():
        assert shape(getattr(metrics, method)()) == ("AWS/Lambda", name, statistic, OF_ALIAS)


def test_metrics_of_the_whole_function_leave_the_alias_out(make_stack: Callable[..., Stack]) -> None:
    metrics = StreamMetrics(imported(make_stack()))
    for method, (name, statistic) in LAMBDA_OF_FUNCTION.items():
        assert shape(getattr(metrics, method)()) == ("AWS/Lambda", name, statistic, OF_FUNCTION)


def test_metrics_from_the_log_carry_the_function_in_their_name(make_stack: Callable[..., Stack]) -> None:
    metrics = StreamMetrics(imported(make_stack()))
    for method, (name, statistic) in FROM_LOG.items():
        assert shape(getattr(metrics, method)()) == ("StreamingLambda", name, statistic, [])
    assert shape(metrics.time_to_first_byte("p50"))[2] == "p50"


def test_metrics_of_the_runtime_carry_lambdas_own_dimensions(make_stack: Callable[..., Stack]) -> None:
    runtime = StreamMetrics(imported(make_stack())).runtime
    for method, (name, statistic) in RUNTIME.items():
        assert shape(getattr(runtime, method)()) == ("StreamingLambda", name, statistic, OF_ALIAS)
    for outcome in names.OUTCOMES:
        assert shape(runtime.outcome(outcome)) == ("StreamingLambda", outcome, SUM, OF_ALIAS)


def test_nothing_but_these_is_a_metric() -> None:
    """A metric added later has to be added to the tables above, and so to the checks."""
    expressions = {"error_rate", "gb_seconds", "cost", "url_4xx_rate", "url_5xx_rate", "truncation_rate"}
    assert public_methods(StreamMetrics) == {*LAMBDA_OF_ALIAS, *LAMBDA_OF_FUNCTION, *FROM_LOG, *expressions}
    assert public_methods(RuntimeMetrics) == {*RUNTIME, "outcome"}


def public_methods(type_: type) -> set[str]:
    return {name for name, value in vars(type_).items() if callable(value) and not name.startswith("_")}


def test_a_single_metric_has_no_label(make_stack: Callable[..., Stack]) -> None:
    """With one, an alarm on it is written as an expression."""
    metrics = StreamMetrics(imported(make_stack()))
    for method in (*LAMBDA_OF_ALIAS, *LAMBDA_OF_FUNCTION, *FROM_LOG):
        assert getattr(metrics, method)().label is None


@pytest.mark.parametrize(
    ("method", "whole", "part"),
    [
        ("error_rate", "Invocations", "Errors"),
        ("url_4xx_rate", "UrlRequestCount", "Url4xxCount"),
        ("url_5xx_rate", "UrlRequestCount", "Url5xxCount"),
        ("truncation_rate", "Invocations", "TruncatedStreams/existing"),
    ],
)
def test_a_rate_divides_the_part_by_the_whole(make_stack: Callable[..., Stack], method: str, whole: str, part: str) -> None:
    rate: cloudwatch.MathExpression = getattr(StreamMetrics(imported(make_stack())), method)()
    found = re.fullmatch(r"IF\(FILL\((\w+), 0\) > 0, 100 \* FILL\((\w+), 0\) / FILL\((\w+), 1\), 0\)", rate.expression)
    assert found is not None
    assert found[1] == found[3]
    assert shape(rate.using_metrics[found[1]])[1] == whole
    assert shape(rate.using_metrics[found[2]])[1] == part


def test_gb_seconds_are_seconds_times_gigabytes(make_stack: Callable[..., Stack]) -> None:
    metrics = StreamMetrics(imported(make_stack()))
    billed = metrics.gb_seconds(1769)
    assert billed.expression == "duration / 1000 * 1769 / 1024"
    assert shape(billed.using_metrics["duration"])[1:3] == ("Duration", SUM)
    price = metrics.cost(2048, 0.0000133334).expression
    assert eval(price, {"duration": 3_600_000}) == pytest.approx(2 * 3600 * 0.0000133334)


def test_the_period_reaches_every_metric(make_stack: Callable[..., Stack]) -> None:
    metrics = StreamMetrics(imported(make_stack()), period=Duration.minutes(1))
    assert metrics.errors().period.to_seconds() == 60
    assert metrics.error_rate().period.to_seconds() == 60
    assert metrics.runtime.tokens_per_second().period.to_seconds() == 60
    assert StreamMetrics(imported(make_stack())).errors().period.to_seconds() == 300


def test_ids_take_a_suffix_so_that_two_aliases_fit_into_one_graph(make_stack: Callable[..., Stack]) -> None:
    metrics = StreamMetrics(imported(make_stack()), id_suffix="_2")
    assert set(metrics.error_rate().using_metrics) == {"invocations_2", "errors_2"}
    assert "invocations_2" in metrics.error_rate().expression
    assert set(metrics.gb_seconds(128).using_metrics) == {"duration_2"}


def test_a_metric_says_where_its_function_is_when_that_is_known(make_stack: Callable[..., Stack]) -> None:
    known = StreamMetrics(imported(make_stack(env=Environment(account="123456789012", region="us-east-1")))).errors()
    assert (known.region, known.account) == ("eu-west-1", "123456789012")
    agnostic = make_stack()
    own = plain(agnostic)
    alias = lambda_.Alias(agnostic, "Live", alias_name="live", version=own.current_version)
    assert (StreamMetrics(alias).errors().region, StreamMetrics(alias).errors().account) == (None, None)


def log_metrics(stack: Stack) -> Template:
    group = logs.LogGroup(stack, "Logs")
    StreamLogMetrics(stack, "Metrics", function=plain(stack, log_group=group), log_group=group)
    return Template.from_stack(stack)


def test_the_log_filters_read_lambdas_records(stack: Stack) -> None:
    template = log_metrics(stack)
    [function_id] = template.find_resources("AWS::Lambda::Function")
    begun = '$.type = "platform.runtimeDone" && $.record.spans[0].name = "responseLatency"'
    expected = {
        ("TimeToFirstByte/", f"{{ {begun} }}", "$.record.spans[0].durationMs", "Milliseconds"),
        ("TruncatedStreams/", f'{{ {begun} && $.record.status != "success" }}', "1", "Count"),
        ("ProducedBytes/", f"{{ {begun} }}", "$.record.metrics.producedBytes", "Bytes"),
        (
            "InitDuration/",
            '{ $.type = "platform.initReport" && $.record.initializationType = "on-demand" }',
            "$.record.metrics.durationMs",
            "Milliseconds",
        ),
        ("InitDuration/", '{ $.type = "platform.restoreReport" }', "$.record.metrics.durationMs", "Milliseconds"),
    }
    found = set()
    for resource in template.find_resources("AWS::Logs::MetricFilter").values():
        [made] = resource["Properties"]["MetricTransformations"]
        assert made["MetricNamespace"] == "StreamingLambda"
        assert "DefaultValue" not in made, "zeros of other log lines would drag the percentiles down"
        prefix, reference = made["MetricName"]["Fn::Join"][1]
        assert reference == {"Ref": function_id}
        found.add((prefix, resource["Properties"]["FilterPattern"], made["MetricValue"], made["Unit"]))
    assert found == expected


def test_a_function_has_its_log_filters_once(stack: Stack) -> None:
    group = logs.LogGroup(stack, "Logs")
    function = plain(stack, log_group=group)
    assert StreamLogMetrics.shared(function, group) is StreamLogMetrics.shared(function, group)
    assert len(Template.from_stack(stack).find_resources("AWS::Logs::MetricFilter")) == 5


def test_log_filters_on_an_imported_function_name_it(stack: Stack) -> None:
    function = lambda_.Function.from_function_arn(stack, "F", EXISTING.rsplit(":", 1)[0])
    StreamLogMetrics(
        stack, "M", function=function, log_group=logs.LogGroup.from_log_group_name(stack, "L", "/aws/lambda/existing")
    )
    Template.from_stack(stack).has_resource_properties(
        "AWS::Logs::MetricFilter",
        {
            "LogGroupName": "/aws/lambda/existing",
            "MetricTransformations": [Match.object_like({"MetricName": "TimeToFirstByte/existing"})],
        },
    )


def test_two_functions_on_one_log_group_are_warned_of(stack: Stack) -> None:
    group = logs.LogGroup(stack, "Logs")
    StreamLogMetrics.shared(plain(stack, log_group=group), group)
    other = lambda_.Function.from_function_arn(stack, "Other", EXISTING.rsplit(":", 1)[0])
    StreamLogMetrics.shared(other, group)
    # has_warning, not find_warning: what that returns is of a jsii module that not every import of CDK has loaded.
    said = Match.string_like_regexp("TestStack/Plain.*\\[ack: streaming-lambda:log-group-shared\\]")
    Annotations.from_stack(stack).has_warning("*", said)


def test_the_page_tells_the_names_that_the_code_uses() -> None:
    text = PAGE.read_text()
    table = re.findall(r"^\| `([^`]+)` \| ([A-Za-z/]+) \|", text.partition("## What the runtime writes")[2], re.M)
    runtime = {
        value for name, value in vars(names).items() if name.isupper() and not name.startswith("LOG_") and isinstance(value, str)
    }
    assert {name for name, _ in table} == runtime - {names.NAMESPACE} | set(names.OUTCOMES)
    assert {name: unit for name, unit in table if name.startswith("gen_ai.server.")} == {
        names.TIME_TO_FIRST_TOKEN: "Seconds",
        names.TIME_PER_OUTPUT_TOKEN: "Seconds",
        names.STREAM_DURATION: "Seconds",
    }
    logged = re.findall(r"^\| `(\w+)/<function>` \|", PAGE.with_name("StreamLogMetrics.md").read_text(), re.M)
    assert set(logged) == {value for name, value in vars(names).items() if name.startswith("LOG_")}
    assert f"`{names.NAMESPACE}`" in text


def test_the_runtime_writes_what_the_page_promises() -> None:
    """The runtime stands alone and cannot import our names; here the two meet."""
    from streaming_runtime import telemetry

    table = re.findall(r"^\| `([^`]+)` \| ([A-Za-z/]+) \|", PAGE.read_text().partition("## What the runtime writes")[2], re.M)
    assert dict(table) == telemetry._UNITS
    assert telemetry.NAMESPACE == names.NAMESPACE
    assert set(telemetry.OUTCOMES.values()) == set(names.OUTCOMES)


@pytest.mark.parametrize("period", [Duration.seconds(2), Duration.seconds(90), Duration.millis(500)])
def test_a_period_that_cloudwatch_does_not_take_is_refused(stack: Stack, period: Duration) -> None:
    alias = lambda_.Function.from_function_arn(stack, "Function", EXISTING.rpartition(":")[0])
    version = lambda_.Version.from_version_attributes(stack, "Version", lambda_=alias, version="3")
    with pytest.raises(ValueError, match="^METRIC_PERIOD: "):
        StreamMetrics(
            lambda_.Alias.from_alias_attributes(stack, "Alias", alias_name="prod", alias_version=version), period=period
        )
