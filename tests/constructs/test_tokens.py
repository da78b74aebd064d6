"""Numbers that only deployment knows, in place of every number that a construct takes."""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Any, Final

import jsii
import pytest
from aws_cdk import App, CfnParameter, Duration, IStableNumberProducer, Lazy, Stack
from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template

import constructs_pkg
from constructs_pkg import (
    AlarmThresholds,
    BrowserIdentity,
    ProvisionedConcurrency,
    StreamAlarms,
    StreamingCode,
    StreamingDashboard,
    StreamingDefaults,
    StreamingDistribution,
    StreamingFunction,
    StreamingRestApi,
    StreamLimits,
    StreamMetrics,
    StreamStore,
    TrafficShift,
    WarmHours,
    WebAcl,
)
from constructs_pkg.web_acl import ManagedWebAcl

from .conftest import FLAGS, HANDLER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from constructs import Construct

LEFT_OUT: Final = {
    # where it is not known, what would be compared with it is not made, or not checked
    "AlarmThresholds.provisioned_utilization_percent": "a share of what is known is a product that CloudFormation cannot take",
    "AlarmThresholds.duration_timeout_percent": "the same",
    "AlarmThresholds.reserved_concurrency_percent": "the same",
    "StreamAlarms.timeout": "no alarm near a timeout that is not known",
    "StreamAlarms.memory_size": "no alarm on a cost that is not known",
    "StreamAlarms.reserved_concurrent_executions": "no alarm near a limit that is not known",
    "StreamingFunction.from_attributes.timeout": "the same as for StreamAlarms",
    "StreamingFunction.from_attributes.memory_size": "the same as for StreamAlarms",
    "StreamingFunction.from_attributes.reserved_concurrent_executions": "the same as for StreamAlarms",
    "StreamingDistribution.heartbeat_seconds": "stated for a check at synthesis, which is then left out",
    "StreamingRestApi.heartbeat_seconds": "the same",
}
REFUSED: Final = {
    # what has to be known at synthesis, because a choice or a product depends on it
    "TrafficShift.canary.percent": "ROLLOUT_PERCENT",
    "TrafficShift.canary.interval": "ROLLOUT_INTERVAL",
    "TrafficShift.linear.percent": "ROLLOUT_PERCENT",
    "TrafficShift.linear.interval": "ROLLOUT_INTERVAL",
    "WebAcl.largest_body_kb": "BODY_LIMIT_OUT_OF_RANGE",
    "StreamingDashboard.price_per_gb_second": "DASHBOARD_PRICE",
    "StreamingDashboard.period": "METRIC_PERIOD",
    "StreamingDashboard.default_interval": "DASHBOARD_INTERVAL",
    "StreamMetrics.period": "METRIC_PERIOD",
    "StreamingFunction.metrics.period": "METRIC_PERIOD",
    "ImportedStreamingFunction.metrics.period": "METRIC_PERIOD",
}


def is_number(parameter: inspect.Parameter) -> bool:
    return bool({"int", "float", "Duration"} & set(str(parameter.annotation).replace("|", " ").split()))


class Numbers:
    """Makes a parameter of the stack for each parameter of a construct, and remembers it by name."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.ids: dict[str, str] = {}

    def __call__(self, name: str) -> Any:
        id = "".join(part.title() for part in name.replace(".", "_").split("_"))
        self.ids[name] = id
        return CfnParameter(self._stack, id, type="Number").value_as_number

    def seconds(self, name: str) -> Duration:
        return Duration.seconds(self(name))

    def every(self, kind: type[Any]) -> dict[str, Any]:
        return {
            name: self(f"{kind.__name__}.{name}")
            for name, found in inspect.signature(kind).parameters.items()
            if is_number(found)
        }


def a_function(scope: Construct, id: str, entry: Path, **parameters: Any) -> StreamingFunction:
    return StreamingFunction(scope, id, code=StreamingCode.python(entry), **parameters)


def build(stack: Stack, entry: Path) -> Numbers:
    number = Numbers(stack)
    chat = a_function(
        stack,
        "Chat",
        entry,
        memory_size=number("StreamingFunction.memory_size"),
        timeout=number.seconds("StreamingFunction.timeout"),
        reserved_concurrent_executions=number("StreamingFunction.reserved_concurrent_executions"),
        limits=StreamLimits(**number.every(StreamLimits)),
        concurrency=ProvisionedConcurrency.tracking(
            number("ProvisionedConcurrency.tracking.min_capacity"),
            number("ProvisionedConcurrency.tracking.max_capacity"),
            number("ProvisionedConcurrency.tracking.utilization"),
        ),
    )
    hours = WarmHours(
        start=appscaling.Schedule.cron(hour="8", minute="0"),
        end=appscaling.Schedule.cron(hour="18", minute="0"),
        min_capacity=number("WarmHours.min_capacity"),
        max_capacity=number("WarmHours.max_capacity"),
    )
    follows = ProvisionedConcurrency.tracking(2, 4)
    a_function(
        stack,
        "Hours",
        entry,
        concurrency=ProvisionedConcurrency.scheduled([hours], tracking=follows),
        alarms=AlarmThresholds(**number.every(AlarmThresholds)),
    )
    a_function(
        stack,
        "Otherwise",
        entry,
        concurrency=ProvisionedConcurrency.scheduled(
            [WarmHours(start=hours.start, end=hours.end, min_capacity=3)],
            otherwise=number("ProvisionedConcurrency.scheduled.otherwise"),
        ),
    )
    a_function(
        stack, "Fixed", entry, concurrency=ProvisionedConcurrency.fixed(number("ProvisionedConcurrency.fixed.environments"))
    )
    web = StreamingCode.web_adapter(entry, command=["serve"], port=number("StreamingCode.web_adapter.port"))
    StreamingFunction(stack, "Web", code=web, alarms=AlarmThresholds.disabled())
    StreamStore(
        stack,
        "Store",
        retention=number.seconds("StreamStore.retention"),
        streams_per_caller=number("StreamStore.streams_per_caller"),
    ).attach_to(chat.function)
    put_in_front(stack, chat, number)
    watch(stack, chat, number)
    below_defaults(stack, entry, number)
    return number


def put_in_front(stack: Stack, chat: StreamingFunction, number: Numbers) -> None:
    StreamingDistribution(
        stack,
        "Cdn",
        url=chat.url,
        web_acl=WebAcl.disabled(),
        response_timeout=number.seconds("StreamingDistribution.response_timeout"),
        response_completion_timeout=number.seconds("StreamingDistribution.response_completion_timeout"),
        heartbeat_seconds=number("StreamingDistribution.heartbeat_seconds"),
        log_retention=Duration.days(number("StreamingDistribution.log_retention")),
    )
    StreamingRestApi(
        stack,
        "Api",
        alias=chat.alias,
        web_acl=WebAcl.disabled(),
        integration_timeout=Duration.millis(number("StreamingRestApi.integration_timeout")),
        heartbeat_seconds=number("StreamingRestApi.heartbeat_seconds"),
        throttling_rate_limit=number("StreamingRestApi.throttling_rate_limit"),
        throttling_burst_limit=number("StreamingRestApi.throttling_burst_limit"),
    )
    BrowserIdentity(
        stack,
        "Identity",
        password_length=number("BrowserIdentity.password_length"),
        refresh_token_validity=Duration.minutes(number("BrowserIdentity.refresh_token_validity")),
    ).allow_to_call(chat.url)
    rules = WebAcl(rate_limit=number("WebAcl.rate_limit"), rate_window_seconds=number("WebAcl.rate_window_seconds"))
    ManagedWebAcl(stack, "WebAcl", rules=rules, front="API_GATEWAY")


def watch(stack: Stack, chat: StreamingFunction, number: Numbers) -> None:
    theirs = StreamingFunction.from_attributes(
        stack,
        "Theirs",
        function_arn="arn:aws:lambda:eu-west-1:123456789012:function:chat",
        url="https://abcdefghij.lambda-url.eu-west-1.on.aws/",
        timeout=number.seconds("StreamingFunction.from_attributes.timeout"),
        memory_size=number("StreamingFunction.from_attributes.memory_size"),
        reserved_concurrent_executions=number("StreamingFunction.from_attributes.reserved_concurrent_executions"),
    )
    alarms = StreamAlarms(
        stack,
        "Alarms",
        alias=theirs.alias,
        timeout=number.seconds("StreamAlarms.timeout"),
        memory_size=number("StreamAlarms.memory_size"),
        reserved_concurrent_executions=number("StreamAlarms.reserved_concurrent_executions"),
    )
    assert (alarms.duration, alarms.daily_cost, alarms.reserved_concurrency) == (None, None, None)
    StreamingDashboard(
        stack,
        "Dashboard",
        aliases={"Chat": chat.alias},
    )


def below_defaults(stack: Stack, entry: Path, number: Numbers) -> None:
    inner = constructs_pkg.StreamingDefaults.set(
        stack,
        memory_size=number("StreamingDefaults.set.memory_size"),
        timeout=number.seconds("StreamingDefaults.set.timeout"),
    )
    assert inner == StreamingDefaults.of(stack)
    a_function(stack, "Defaulted", entry, alarms=AlarmThresholds.disabled())


@pytest.fixture(scope="module", params=["recommended flags", "no flags"])
def synthesized(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], str]:
    """Names of parameters to ids, and all resources of the template as text."""
    folder = tmp_path_factory.mktemp("tokens")
    (folder / "handler").mkdir()
    (folder / "handler" / "index.py").write_text(HANDLER)
    context = FLAGS if request.param == "recommended flags" else {}
    stack = Stack(App(context=context, builtin_cloud_formation_validation=False, tree_metadata=False), "Tokens")
    number = build(stack, folder / "handler")
    return number.ids, json.dumps(Template.from_stack(stack).to_json()["Resources"])


def numeric_parameters() -> Iterator[str]:
    """Every parameter of a number or a duration, of every exported class, its factories and its methods."""
    for name in constructs_pkg.__all__:
        exported: Any = getattr(constructs_pkg, name)
        factories = {
            method: found.__func__ for method, found in vars(exported).items() if isinstance(found, staticmethod | classmethod)
        }
        methods = {method: found for method, found in vars(exported).items() if inspect.isfunction(found)}
        functions = {f".{method}": found for method, found in {**factories, **methods}.items() if not method.startswith("_")}
        if name not in MADE_BY_FACTORIES:
            functions[""] = exported.__init__
        for suffix, function in functions.items():
            for parameter in inspect.signature(function).parameters.values():
                if is_number(parameter):
                    yield f"{name}{suffix}.{parameter.name}"


MADE_BY_FACTORIES: Final = {"ImportedStreamingFunction", "ProvisionedConcurrency", "StreamingDefaults", "TrafficShift"}
NO_CHOICE_OF_CALLERS: Final = {
    "StreamMetrics.gb_seconds.memory_size_mb",
    "StreamMetrics.cost.memory_size_mb",
    "StreamMetrics.cost.price_per_gb_second",
}
"""Factors of an expression, which is text."""


def test_every_number_is_here(synthesized: tuple[dict[str, str], str]) -> None:
    ids, _ = synthesized
    assert set(ids) | set(REFUSED) | NO_CHOICE_OF_CALLERS == set(numeric_parameters())


def test_each_number_arrives_in_the_template(synthesized: tuple[dict[str, str], str]) -> None:
    ids, resources = synthesized
    assert [name for name, id in ids.items() if f'"Ref": "{id}"' not in resources and name not in LEFT_OUT] == []


def test_what_is_left_out_is_left_out(synthesized: tuple[dict[str, str], str]) -> None:
    ids, resources = synthesized
    assert [name for name in LEFT_OUT if f'"Ref": "{ids[name]}"' in resources] == []


def test_no_token_is_written_out_as_a_number(synthesized: tuple[dict[str, str], str]) -> None:
    """A token stands for itself by a number far below zero; seen in a template, it was computed with."""
    _, resources = synthesized
    assert "e+" not in resources.lower()
    assert "${Token" not in resources


@pytest.mark.parametrize(
    ("code", "make"),
    [
        ("ROLLOUT_PERCENT", lambda number: TrafficShift.canary(percent=number)),
        ("ROLLOUT_PERCENT", lambda number: TrafficShift.linear(percent=number)),
        ("ROLLOUT_INTERVAL", lambda number: TrafficShift.canary(interval=Duration.minutes(number))),
        ("ROLLOUT_INTERVAL", lambda number: TrafficShift.linear(interval=Duration.minutes(number))),
        ("BODY_LIMIT_OUT_OF_RANGE", lambda number: WebAcl(largest_body_kb=number)),
    ],
)
def test_what_has_to_be_known_at_synthesis_says_so(stack: Stack, code: str, make: Callable[[Any], object]) -> None:
    number = CfnParameter(stack, "Number", type="Number").value_as_number
    with pytest.raises(ValueError, match=f"^{code}: .*only known at deployment"):
        make(number)


@pytest.mark.parametrize(
    ("code", "make"),
    [
        ("DASHBOARD_PRICE", lambda chat, number: dashboard(chat, price_per_gb_second=number)),
        ("DASHBOARD_INTERVAL", lambda chat, number: dashboard(chat, default_interval=Duration.hours(number))),
        ("METRIC_PERIOD", lambda chat, number: dashboard(chat, period=Duration.minutes(number))),
        ("METRIC_PERIOD", lambda chat, number: StreamMetrics(chat.alias, period=Duration.seconds(number))),
        ("METRIC_PERIOD", lambda chat, number: chat.metrics(period=Duration.seconds(number))),
    ],
)
def test_what_is_a_part_of_an_expression_has_to_be_known_at_synthesis(
    stack: Stack, entry: Path, code: str, make: Callable[[StreamingFunction, Any], object]
) -> None:
    number = CfnParameter(stack, "Number", type="Number").value_as_number
    chat = a_function(stack, "Chat", entry)
    with pytest.raises(ValueError, match=f"^{code}: .*only known at deployment"):
        make(chat, number)


def dashboard(chat: StreamingFunction, **parameters: Any) -> StreamingDashboard:
    return StreamingDashboard(Stack.of(chat), "Dashboard", aliases={"Chat": chat.alias}, **parameters)


@jsii.implements(IStableNumberProducer)
class Twice:
    """A number that is known when the app is synthesized, and not before."""

    def __init__(self) -> None:
        self.value = 0

    def produce(self) -> float:
        return self.value


def test_a_number_that_is_decided_late_is_taken_as_it_is_by_then(stack: Stack, entry: Path) -> None:
    late = Twice()
    number = Lazy.number(late)
    chat = a_function(stack, "Chat", entry, memory_size=number, reserved_concurrent_executions=number)
    ProvisionedConcurrency.fixed(number).apply_to(lambda_.Alias(stack, "Other", alias_name="other", version=version(stack)))
    late.value = 512
    template = Template.from_stack(stack)
    template.has_resource_properties("AWS::Lambda::Function", {"MemorySize": 512, "ReservedConcurrentExecutions": 512})
    template.has_resource_properties(
        "AWS::Lambda::Alias", {"Name": "other", "ProvisionedConcurrencyConfig": {"ProvisionedConcurrentExecutions": 512}}
    )
    assert chat.alarms.daily_cost is None


def version(stack: Stack) -> lambda_.Version:
    return lambda_.Function(
        stack,
        "Plain",
        code=lambda_.Code.from_inline("exports.handler = awslambda.streamifyResponse(async (e, s) => s.end('x'))"),
        handler="index.handler",
        runtime=lambda_.Runtime.NODEJS_24_X,
    ).current_version
