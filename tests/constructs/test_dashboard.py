"""StreamingDashboard: what a person sees, and that every number on it comes from the metric factory."""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Duration, Environment, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk.assertions import Template

from constructs_pkg import AlarmThresholds, StreamAlarms, StreamingCode, StreamingFunction
from constructs_pkg.observability.dashboard import StreamingDashboard
from tests.constructs.test_metrics import FROM_LOG, LAMBDA_OF_ALIAS, LAMBDA_OF_FUNCTION, RUNTIME, imported, plain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

IRELAND = Environment(account="123456789012", region="eu-west-1")
# What the factory makes of the imported alias, as a widget lists it.
ALIAS = ("FunctionName", "existing", "Resource", "existing:prod")
OUTCOMES = ("Completed", "Errored", "Truncated", "Cancelled", "Deadline")
FACTORY = {
    *(("AWS/Lambda", name, *ALIAS) for name, _ in LAMBDA_OF_ALIAS.values()),
    *(("AWS/Lambda", name, *ALIAS[:2]) for name, _ in LAMBDA_OF_FUNCTION.values()),
    *(("StreamingLambda", name) for name, _ in FROM_LOG.values()),
    *(("StreamingLambda", name, *ALIAS) for name in (*(name for name, _ in RUNTIME.values()), *OUTCOMES)),
}
KNOWN: dict[str, Any] = {
    "memory_size": 2048,
    "timeout": Duration.minutes(5),
    "reserved_concurrent_executions": 50,
    "logging_format": lambda_.LoggingFormat.JSON,
    "system_log_level_v2": lambda_.SystemLogLevel.DEBUG,
}


def known_alias(stack: Stack, *, warm: int | None = None, **parameters: Any) -> lambda_.Alias:
    function = plain(stack, **{"log_group": logs.LogGroup(stack, "Logs"), **KNOWN, **parameters})
    version = function.current_version
    return lambda_.Alias(stack, "Live", alias_name="live", version=version, provisioned_concurrent_executions=warm)


def written(value: Any) -> str:
    """A string that holds references, with `<logical id>` in their place."""
    if isinstance(value, str):
        return value
    [(function, argument)] = value.items()
    if function == "Fn::Join":
        return argument[0].join(written(part) for part in argument[1])
    return f"<{argument if isinstance(argument, str) else next(iter(argument))}>"


def body(stack: Stack) -> dict[str, Any]:
    [dashboard] = Template.from_stack(stack).find_resources("AWS::CloudWatch::Dashboard").values()
    return json.loads(written(dashboard["Properties"]["DashboardBody"]))


def widgets(stack: Stack) -> dict[str, dict[str, Any]]:
    """Those with a title, by their title."""
    found = [widget["properties"] | {"type": widget["type"]} for widget in body(stack)["widgets"] if widget["type"] != "text"]
    titles = [widget["title"] for widget in found]
    assert len(titles) == len(set(titles))
    return dict(zip(titles, found, strict=True))


def lines(widget: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """What is drawn: the metric's name or the expression, and its options."""
    drawn = []
    for entry in widget["metrics"]:
        *names, options = entry
        if options.get("visible") is not False:
            drawn.append((options.get("expression") or names[1], options))
    return drawn


def limits(widget: dict[str, Any]) -> dict[str, float]:
    return {line["label"]: line["value"] for line in widget.get("annotations", {}).get("horizontal", [])}


@pytest.fixture
def one(make_stack: Callable[..., Stack]) -> Stack:
    """The dashboard of an imported alias, in its own region."""
    stack = make_stack(env=IRELAND)
    StreamingDashboard(stack, "Dashboard", aliases={"Chat": imported(stack)})
    return stack


def test_figures_come_first_and_then_the_graphs(one: Stack) -> None:
    rows: dict[int, list[str]] = {}
    for widget in body(one)["widgets"]:
        rows.setdefault(widget["y"], []).append(widget["properties"].get("title", "heading"))
    assert [rows[y] for y in sorted(rows)] == [
        ["heading"],
        ["Time to first byte (ms)", "Tokens per second", "Active streams", "Error rate", "Duration (ms) today (UTC)"],
        [
            "Time to first byte (ms, cold starts not counted)",
            "Tokens per second and time per token",
            "Active streams and their limits",
        ],
        ["Outcomes", "Function URL", "Errors, throttles, spill-over"],
        ["Duration (ms)", "Cold starts (ms)", "Duration (ms) an hour"],
    ]


def test_every_metric_shown_comes_from_the_factory(one: Stack) -> None:
    shown = set()
    for widget in widgets(one).values():
        for entry in widget["metrics"]:
            names = tuple(part for part in entry if isinstance(part, str))
            if names:
                shown.add(names)
    assert shown <= FACTORY
    unseen = {name for _, name, *_ in FACTORY - shown}
    assert unseen == {
        "ProvisionedConcurrencyUtilization",
        "ProducedBytes/existing",
        "TimeToFirstByte",
        "gen_ai.server.request.duration",
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.output_tokens",
        "LongestGap",
        "BytesStreamed",
        "ChunksStreamed",
        "Invocations",
    }


def test_time_to_first_byte_is_shown_as_percentiles(one: Stack) -> None:
    for title in ("Time to first byte (ms)", "Time to first byte (ms, cold starts not counted)"):
        drawn = lines(widgets(one)[title])
        assert [name for name, _ in drawn] == ["TimeToFirstByte/existing"] * 3
        assert [(options["label"], options["stat"]) for _, options in drawn] == [(p, p) for p in ("p50", "p95", "p99")]


def test_figures_are_single_values(one: Stack) -> None:
    figures = [widget for widget in widgets(one).values() if widget.get("view") == "singleValue"]
    assert len(figures) == 5


def test_outcomes_are_stacked_and_named(one: Stack) -> None:
    outcomes = widgets(one)["Outcomes"]
    assert outcomes["stacked"] is True
    drawn = lines(outcomes)
    assert [name for name, _ in drawn] == [*OUTCOMES, "TruncatedStreams/existing"]
    assert {options["stat"] for _, options in drawn} == {"Sum"}
    assert len({options["color"] for _, options in drawn}) == 6


def test_url_statuses_are_rates_beside_the_requests(one: Stack) -> None:
    drawn = lines(widgets(one)["Function URL"])
    assert [options["label"] for _, options in drawn] == ["requests", "4xx (%)", "5xx (%)"]
    assert [options.get("yAxis") for _, options in drawn] == [None, "right", "right"]


@pytest.mark.parametrize("several", [False, True], ids=["one alias", "three"])
def test_no_two_widgets_overlap_and_none_leaves_the_grid(make_stack: Callable[..., Stack], several: bool) -> None:
    stack = make_stack(env=IRELAND)
    alias = known_alias(stack)
    more = {"Old": imported(stack), "Again": lambda_.Alias(stack, "B", alias_name="b", version=alias.version)} if several else {}
    StreamingDashboard(stack, "Dashboard", aliases={"Chat": alias, **more}, alarms=[StreamAlarms(stack, "Alarms", alias=alias)])
    found = body(stack)["widgets"]
    for widget in found:
        assert widget["x"] >= 0
        assert widget["x"] + widget["width"] <= 24
    for one, other in combinations(found, 2):
        apart = (
            one["x"] + one["width"] <= other["x"]
            or other["x"] + other["width"] <= one["x"]
            or one["y"] + one["height"] <= other["y"]
            or other["y"] + other["height"] <= one["y"]
        )
        assert apart, (one, other)


def test_the_heading_names_the_alias_and_links_to_it(one: Stack) -> None:
    [heading] = [widget for widget in body(one)["widgets"] if widget["type"] == "text"]
    markdown = heading["properties"]["markdown"]
    assert markdown.startswith("## Chat\n`existing:prod`")
    links = re.findall(r"\]\((https://[^)]+)\)", markdown)
    assert len(links) == 2
    assert links[0] == "https://console.aws.amazon.com/lambda/home?region=eu-west-1#/functions/existing?tab=monitoring"


def test_it_opens_on_three_hours_and_keeps_the_widgets_periods(one: Stack) -> None:
    assert (body(one)["start"], body(one)["periodOverride"]) == ("-PT3H", "inherit")


def test_range_period_and_override_are_parameters(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(env=IRELAND)
    StreamingDashboard(
        stack,
        "Dashboard",
        aliases={"Chat": imported(stack)},
        period=Duration.minutes(1),
        default_interval=Duration.days(7),
        period_override=cloudwatch.PeriodOverride.AUTO,
    )
    assert (body(stack)["start"], body(stack)["periodOverride"]) == ("-P7D", "auto")
    assert lines(widgets(stack)["Errors, throttles, spill-over"])[0][1]["period"] == 60


# What is known of the function.


def test_limits_are_drawn_into_the_graphs(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    StreamingDashboard(stack, "Dashboard", aliases={"Chat": known_alias(stack, warm=4)})
    assert limits(widgets(stack)["Active streams and their limits"]) == {"reserved": 50, "warm": 4}
    assert limits(widgets(stack)["Duration (ms)"]) == {"timeout": 300_000}


def test_of_an_imported_function_no_limit_is_drawn(one: Stack) -> None:
    assert [limits(widget) for widget in widgets(one).values()] == [{}] * len(widgets(one))


def test_gb_seconds_of_the_day_and_the_hour(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    StreamingDashboard(stack, "Dashboard", aliases={"Chat": known_alias(stack)})
    today = widgets(stack)["GB-seconds today (UTC)"]
    assert today["start"] == "-P1D"
    assert lines(today) == [
        ("duration / 1000 * 2048 / 1024", {"label": "GB-seconds", "expression": lines(today)[0][0], "period": 86_400})
    ]
    assert lines(widgets(stack)["GB-seconds an hour"])[0][1]["period"] == 3600


def test_a_price_turns_them_into_money(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    StreamingDashboard(stack, "Dashboard", aliases={"Chat": known_alias(stack)}, price_per_gb_second=0.0000133334)
    [(expression, _)] = lines(widgets(stack)["Cost today (UTC)"])
    assert eval(expression, {"duration": 1_800_000}) == pytest.approx(3600 * 0.0000133334)
    assert "Cost an hour" in widgets(stack)


def test_the_time_to_first_byte_flows_without_alarms_too(stack: Stack) -> None:
    StreamingDashboard(stack, "Dashboard", aliases={"Chat": known_alias(stack)})
    Template.from_stack(stack).resource_count_is("AWS::Logs::MetricFilter", 5)


def test_a_graph_that_cannot_have_data_says_why(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    alias = lambda_.Alias(stack, "Live", alias_name="live", version=plain(stack).current_version)
    StreamingDashboard(stack, "Dashboard", aliases={"Chat": alias})
    assert "Time to first byte (needs JSON logs at DEBUG)" in widgets(stack)
    Template.from_stack(stack).resource_count_is("AWS::Logs::MetricFilter", 0)


# Alarms.


def test_alarms_show_their_state_and_their_threshold(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    alias = known_alias(stack)
    thresholds = AlarmThresholds(time_to_first_byte_ms=800)
    alarms = StreamAlarms(stack, "Alarms", alias=alias, thresholds=thresholds, provisioned=False, paging_actions=[])
    StreamingDashboard(stack, "Dashboard", aliases={"Chat": alias}, alarms=[alarms])
    states = widgets(stack)["Alarms"]
    assert states["type"] == "alarm"
    assert len(states["alarms"]) == len(alarms.all) + 1
    assert limits(widgets(stack)["Time to first byte (ms, cold starts not counted)"]) == {"alarm": 800}


def test_what_alarms_were_told_of_a_function_is_drawn(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(env=IRELAND)
    alias = imported(stack)
    alarms = StreamAlarms(stack, "Alarms", alias=alias, timeout=Duration.seconds(60), memory_size=512)
    StreamingDashboard(stack, "Dashboard", aliases={"Chat": alias}, alarms=[alarms])
    assert limits(widgets(stack)["Duration (ms)"]) == {"timeout": 60_000}
    assert "GB-seconds an hour" in widgets(stack)


def test_without_alarms_there_is_no_alarm_widget(one: Stack) -> None:
    assert {widget["type"] for widget in widgets(one).values()} == {"metric"}


def test_disabled_alarms_show_no_empty_widget(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    alias = known_alias(stack)
    alarms = StreamAlarms(stack, "Alarms", alias=alias, thresholds=AlarmThresholds.disabled())
    StreamingDashboard(stack, "Dashboard", aliases={"Chat": alias}, alarms=[alarms])
    assert "Alarms" not in widgets(stack)


# Several aliases, and where they are.


def test_several_aliases_are_compared_on_top(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    alias = known_alias(stack)
    other = lambda_.Alias(stack, "Next", alias_name="next", version=alias.version)
    StreamingDashboard(stack, "Dashboard", aliases={"Chat": alias, "Next": other})
    found = body(stack)["widgets"]
    assert [widget["properties"]["markdown"].split("\n")[0] for widget in found if widget["type"] == "text"] == [
        "# Streaming endpoints",
        "## Chat",
        "## Next",
    ]
    compared = [widget["properties"] for widget in found if widget["type"] == "metric"][:3]
    assert [widget["title"] for widget in compared] == ["Time to first byte p99 (ms)", "Active streams", "Error rate (%)"]
    for widget in compared[1:]:
        assert [options["label"] for _, options in lines(widget)] == ["Chat", "Next"]
    assert [name for name, _ in lines(compared[2])] == [
        "IF(FILL(invocations_0, 0) > 0, 100 * FILL(errors_0, 0) / FILL(invocations_0, 1), 0)",
        "IF(FILL(invocations_1, 0) > 0, 100 * FILL(errors_1, 0) / FILL(invocations_1, 1), 0)",
    ]


def test_metrics_of_the_dashboards_own_region_need_not_say_so(one: Stack) -> None:
    for widget in widgets(one).values():
        assert widget["region"] == "<AWS::Region>"
        assert not any("region" in options for _, options in lines(widget))


def test_metrics_of_another_region_say_so(make_stack: Callable[..., Stack]) -> None:
    abroad = make_stack(env=Environment(account="123456789012", region="us-east-1"))
    StreamingDashboard(abroad, "Dashboard", aliases={"Chat": imported(abroad)})
    for widget in widgets(abroad).values():
        assert widget["region"] == "<AWS::Region>"
        for entry in widget["metrics"]:
            if len(entry) > 1:
                assert entry[-1]["region"] == "eu-west-1"


def test_metrics_of_another_account_say_so(make_stack: Callable[..., Stack]) -> None:
    central = make_stack(env=Environment(account="210987654321", region="eu-west-1"))
    StreamingDashboard(central, "Dashboard", aliases={"Chat": imported(central)})
    for widget in widgets(central).values():
        for entry in widget["metrics"]:
            if len(entry) > 1:
                assert entry[-1]["accountId"] == "123456789012"


def test_without_an_explicit_environment_the_region_is_the_stacks(stack: Stack) -> None:
    StreamingDashboard(stack, "Dashboard", aliases={"Chat": known_alias(stack)})
    for widget in widgets(stack).values():
        assert widget["region"] == "<AWS::Region>"
        assert not any("region" in options for _, options in lines(widget))


def test_it_may_stand_in_another_stack_than_the_function(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(env=IRELAND)
    alias = known_alias(stack)
    other = Stack(stack.node.scope, "Watch", env=IRELAND)
    StreamingDashboard(other, "Dashboard", aliases={"Chat": alias})
    assert len(widgets(other)) == 14
    Template.from_stack(stack).resource_count_is("AWS::Logs::MetricFilter", 5)


@pytest.mark.parametrize("elsewhere", [{"region": "us-east-1"}, {"account": "999999999999"}], ids=["region", "account"])
def test_a_function_whose_name_is_made_up_elsewhere_is_refused(
    make_stack: Callable[..., Stack], entry: Path, elsewhere: dict[str, str]
) -> None:
    at = {"account": "123456789012", "region": "eu-west-1"}
    stack = make_stack(env=Environment(**at))
    alias = StreamingFunction(stack, "Chat", code=StreamingCode.python(entry), alarms=AlarmThresholds.disabled()).alias
    other = Stack(stack.node.scope, "Other", env=Environment(**{**at, **elsewhere}))
    with pytest.raises(ValueError, match="^DASHBOARD_ELSEWHERE: Other/Dashboard"):
        StreamingDashboard(other, "Dashboard", aliases={"Chat": alias})


def test_it_can_add_to_an_existing_dashboard(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(env=IRELAND)
    existing = cloudwatch.Dashboard(stack, "Existing")
    existing.add_widgets(cloudwatch.TextWidget(markdown="ours", width=24, height=1))
    added = StreamingDashboard(stack, "Dashboard", aliases={"Chat": imported(stack)}, dashboard=existing)
    assert added.dashboard is existing
    assert body(stack)["widgets"][0]["properties"]["markdown"] == "ours"
    assert len(body(stack)["widgets"]) == 1 + 15


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"aliases": {}}, "DASHBOARD_EMPTY"),
        ({"price_per_gb_second": 0}, "DASHBOARD_PRICE"),
        ({"price_per_gb_second": float("nan")}, "DASHBOARD_PRICE"),
    ],
)
def test_what_means_nothing_is_refused(make_stack: Callable[..., Stack], parameters: dict[str, Any], code: str) -> None:
    stack = make_stack()
    with pytest.raises(ValueError, match=f"^{code}: "):
        StreamingDashboard(stack, "Dashboard", **{"aliases": {"Chat": imported(stack)}, **parameters})


@pytest.mark.parametrize("given", [{"default_interval": 1}, {"period_override": cloudwatch.PeriodOverride.AUTO}])
def test_a_range_beside_an_existing_dashboard_is_refused(make_stack: Callable[..., Stack], given: dict[str, Any]) -> None:
    stack = make_stack()
    existing = cloudwatch.Dashboard(stack, "Existing")
    with pytest.raises(ValueError, match="^DASHBOARD_RANGE_UNUSED: "):
        StreamingDashboard(stack, "Dashboard", aliases={"Chat": imported(stack)}, dashboard=existing, **given)


def test_alarms_on_an_alias_that_is_not_shown_are_refused(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    alarms = StreamAlarms(stack, "Alarms", alias=known_alias(stack))
    with pytest.raises(ValueError, match=r"^DASHBOARD_ALARMS_ELSEWHERE: TestStack/Alarms watches TestStack/Live"):
        StreamingDashboard(stack, "Dashboard", aliases={"Chat": imported(stack)}, alarms=[alarms])
