"""A dashboard of streaming endpoints that a person can read at a glance."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from constructs_pkg._tokens import is_token

from .dashboard_widgets import EndpointWidgets, overview
from .facts import FunctionFacts
from .log_metrics import StreamLogMetrics
from .metrics import StreamMetrics
from .reach import out_of_reach

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_lambda as lambda_

    from .alarms import StreamAlarms


class StreamingDashboard(Construct):
    """One CloudWatch dashboard for one or more streaming aliases.

    For each alias, from top to bottom: its alarms; in large figures the time to first byte (median, 95th and 99th
    percentile), tokens per second, active streams, error rate and what today cost; then the same over time with the limits
    drawn in: concurrency, outcomes, URL statuses, refusals, duration, cold starts, GB-seconds. Several aliases are compared on
    top.

    Attributes:
        dashboard: The L2 `Dashboard`.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        aliases: Mapping[str, lambda_.IAlias],
        alarms: Sequence[StreamAlarms] = (),
        price_per_gb_second: float | None = None,
        period: Duration | None = None,
        default_interval: Duration | None = None,
        period_override: cloudwatch.PeriodOverride | None = None,
        dashboard: cloudwatch.Dashboard | None = None,
    ) -> None:
        """Makes the dashboard, or adds to one.

        Args:
            aliases: What to show: a title for people, and the alias, made here or imported, of whatever runtime and stack.
            alarms: Alarms on some of these aliases. They are shown with their state, and their thresholds and what they know
                of a function are drawn into the graphs. Default: none.
            price_per_gb_second: Turns GB-seconds into money, in whatever currency this is in. Default: none; GB-seconds are
                shown. The list price depends on region and architecture: https://aws.amazon.com/lambda/pricing/.
            period: Over which time each data point is taken. Default: 5 minutes.
            default_interval: The time range when the dashboard is opened. Default: 3 hours.
            period_override: `INHERIT` keeps the periods of the widgets, on which today's cost depends; `AUTO` lets
                CloudWatch choose them by the time range. Default: `INHERIT`.
            dashboard: An existing dashboard to add to, below what it has. Default: one of its own.

        Raises:
            ValueError: `DASHBOARD_EMPTY` without an alias, `DASHBOARD_ALARMS_ELSEWHERE` for alarms on an alias that is not
                shown, `DASHBOARD_ELSEWHERE` in another region or account than a function of this app whose name is made up at deployment,
                `DASHBOARD_PRICE` for a price that is not above 0, `DASHBOARD_RANGE_UNUSED` for a time range or period
                override beside an existing dashboard, `DASHBOARD_INTERVAL` for a time range that only deployment knows, `METRIC_PERIOD`.
        """
        super().__init__(scope, id)
        _refuse_what_means_nothing(aliases, alarms, price_per_gb_second)
        if dashboard is not None and (default_interval is not None or period_override is not None):
            raise ValueError(
                "DASHBOARD_RANGE_UNUSED: default_interval and period_override belong to a dashboard, and an existing one is given. "
                "Set them where that one is made."
            )
        if default_interval is not None and default_interval.is_unresolved():
            raise ValueError(
                "DASHBOARD_INTERVAL: default_interval is only known at deployment; a dashboard has it as a text such as -PT3H. Pass a literal "
                "such as Duration.hours(3)."
            )
        self.dashboard = dashboard or cloudwatch.Dashboard(
            self,
            "Dashboard",
            default_interval=default_interval or Duration.hours(3),
            period_override=period_override or cloudwatch.PeriodOverride.INHERIT,
        )
        period = period or Duration.minutes(5)
        if len(aliases) > 1:
            for row in overview(_metrics(aliases, period)):
                self.dashboard.add_widgets(*row)
        alarms_of = {watched.alias.node.path: watched for watched in alarms}
        for title, alias in aliases.items():
            self._show(title, alias, alarms_of.get(alias.node.path), period, price_per_gb_second)

    def _show(
        self,
        title: str,
        alias: lambda_.IAlias,
        alarms: StreamAlarms | None,
        period: Duration,
        price_per_gb_second: float | None,
    ) -> None:
        why = out_of_reach(self, alias, own_region_alone=False)
        if why is not None:
            raise ValueError(
                f"DASHBOARD_ELSEWHERE: {why}. Make the dashboard in the function's own stack; the console shows it everywhere. Or deploy "
                "the function first, and show it here by StreamingFunction.from_attributes(...)."
            )
        facts = FunctionFacts.of(alias) if alarms is None else alarms.facts
        if facts.writes_stream_records and facts.log_group_name is not None:
            StreamLogMetrics.shared(alias.version.lambda_, facts.log_group_name)
        widgets = EndpointWidgets(
            title=title,
            metrics=StreamMetrics(alias, period=period),
            daily=StreamMetrics(alias, period=Duration.days(1)),
            hourly=StreamMetrics(alias, period=Duration.hours(1)),
            facts=facts,
            alarms=alarms,
            price_per_gb_second=price_per_gb_second,
            region=alias.version.lambda_.env.region,
        )
        for row in widgets.rows():
            self.dashboard.add_widgets(*row)


def _metrics(aliases: Mapping[str, lambda_.IAlias], period: Duration) -> dict[str, StreamMetrics]:
    return {
        title: StreamMetrics(alias, period=period, id_suffix=f"_{number}")
        for number, (title, alias) in enumerate(aliases.items())
    }


def _refuse_what_means_nothing(
    aliases: Mapping[str, lambda_.IAlias], alarms: Sequence[StreamAlarms], price: float | None
) -> None:
    if not aliases:
        raise ValueError(
            'DASHBOARD_EMPTY: aliases is empty, so there is nothing to show. Give at least one: aliases={"Chat": chat.alias}'
        )
    shown = {alias.node.path for alias in aliases.values()}
    for watched in alarms:
        if watched.alias.node.path not in shown:
            raise ValueError(
                f"DASHBOARD_ALARMS_ELSEWHERE: {watched.node.path} watches {watched.alias.node.path}, which is not among the aliases "
                f"shown ({', '.join(sorted(shown))}). Show that alias too, or leave its alarms out."
            )
    if is_token(price):
        raise ValueError(
            "DASHBOARD_PRICE: price_per_gb_second is only known at deployment; it is a factor in the text of an expression. Pass a literal "
            "such as 0.0000133334, or leave it out to see GB-seconds."
        )
    if price is not None and not 0 < price < inf:
        raise ValueError(
            f"DASHBOARD_PRICE: price_per_gb_second is {price!r}; it takes a price above 0, such as 0.0000133334. "
            "Leave it out to see GB-seconds."
        )
