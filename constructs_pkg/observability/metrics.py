"""The metrics of a streaming alias, each built in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_

_NAMESPACE: Final = "AWS/Lambda"


class StreamMetrics:
    """Makes CloudWatch metrics of one alias, and of the Function URL on it.

    An alias's metrics carry two dimensions, `FunctionName` and `Resource` = `<function>:<alias>`
    (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html). They are written out here, because CDK drops
    `Resource` for an imported alias (aws/aws-cdk#18952).
    """

    def __init__(self, alias: lambda_.IAlias, *, period: Duration | None = None) -> None:
        """Prepares the metrics.

        Args:
            alias: The alias to watch, made here or imported.
            period: Over which time each data point is taken. Default: 5 minutes.
        """
        function_name = alias.version.lambda_.function_name
        self._dimensions = {"FunctionName": function_name, "Resource": f"{function_name}:{alias.alias_name}"}
        self._period = period or Duration.minutes(5)

    def _sum(self, name: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=_NAMESPACE,
            metric_name=name,
            dimensions_map=self._dimensions,
            statistic=cloudwatch.Stats.SUM,
            period=self._period,
        )

    def errors(self) -> cloudwatch.Metric:
        """Invocations that ended in a function error: an exception, a crash, a timeout. Sum."""
        return self._sum("Errors")

    def throttles(self) -> cloudwatch.Metric:
        """Invocations that Lambda refused for want of concurrency. Sum."""
        return self._sum("Throttles")

    def provisioned_spillover(self) -> cloudwatch.Metric:
        """Invocations that found every provisioned environment busy and had to start cold. Sum."""
        return self._sum("ProvisionedConcurrencySpilloverInvocations")

    def url_requests(self) -> cloudwatch.Metric:
        """Requests to the Function URL. Sum."""
        return self._sum("UrlRequestCount")

    def url_5xx(self) -> cloudwatch.Metric:
        """Requests that the Function URL answered with a status from 500 on. Sum."""
        return self._sum("Url5xxCount")

    def url_5xx_rate(self) -> cloudwatch.MathExpression:
        """Share of the URL's requests that were answered with a status from 500 on, in percent; 0 when there were none."""
        return cloudwatch.MathExpression(
            expression="IF(FILL(requests, 0) > 0, 100 * FILL(failed, 0) / FILL(requests, 1), 0)",
            using_metrics={"requests": self.url_requests(), "failed": self.url_5xx()},
            label="URL 5xx rate (%)",
            period=self._period,
        )
