"""A streaming function that another app made: to grant on it, to front it, to watch it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import jsii
from aws_cdk import Arn, ArnFormat, Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from ._behind import remember_facts, remember_heartbeat
from ._tokens import is_unresolved
from .observability.metrics import StreamMetrics
from .url import StreamingUrl

if TYPE_CHECKING:
    from aws_cdk import aws_logs as logs

    from .limits import StreamLimits

_LATEST: Final = "$LATEST"


@jsii.implements(iam.IGrantable)
class ImportedStreamingFunction(Construct):
    """What `StreamingFunction.from_attributes` returns. It makes no resource by itself.

    Its `alias` and `url` go wherever those of a `StreamingFunction` go: `StreamingDistribution`, `StreamingRestApi`,
    `BrowserIdentity`, `StreamAlarms`, `StreamingDashboard`.

    Attributes:
        function: The imported `IFunction`.
        alias: The imported `IAlias`.
        url: The imported `StreamingUrl`; its address is `url.url`.
        role: The execution role, or None where it was not given.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        function_arn: str,
        url: str,
        alias_name: str,
        auth_type: lambda_.FunctionUrlAuthType,
        role: iam.IRole | None,
        timeout: Duration | None,
        memory_size: int | None,
        reserved_concurrent_executions: int | None,
        limits: StreamLimits | None,
        log_group: logs.ILogGroup | None,
    ) -> None:
        """See `StreamingFunction.from_attributes`."""
        super().__init__(scope, id)
        _require_unqualified(function_arn, alias_name)
        self.role = role
        self.function = lambda_.Function.from_function_attributes(self, "Function", function_arn=function_arn, role=role)
        self.alias = lambda_.Alias.from_alias_attributes(
            self,
            "Alias",
            alias_name=alias_name,
            # CDK reaches an alias's function by a version only; which one it points to is not known here, nor needed.
            alias_version=lambda_.Version.from_version_attributes(self, "Version", lambda_=self.function, version=alias_name),
        )
        remember_facts(
            self.function,
            timeout_ms=None if timeout is None or timeout.is_unresolved() else timeout.to_milliseconds(),
            memory_size_mb=_known(memory_size),
            reserved_concurrency=_known(reserved_concurrent_executions),
            writes_stream_records=True,
            log_group_name=None if log_group is None else log_group.log_group_name,
            logged_elsewhere=log_group is None,
        )
        if limits is not None:
            remember_heartbeat(self.function, limits.heartbeat_seconds)
        self.url = StreamingUrl.from_attributes(self, "Url", alias=self.alias, url=url, auth_type=auth_type)

    @property
    def grant_principal(self) -> iam.IPrincipal:
        """The execution role, where it was given; else grants to this function raise."""
        return self.function.grant_principal

    def grant_invoke_url(
        self, grantee: iam.IGrantable, *, source_arn: str | None = None, source_account: str | None = None
    ) -> iam.Grant:
        """Lets `grantee` call the URL, with both permissions that a call needs. See `StreamingUrl.grant_invoke_url`."""
        return self.url.grant_invoke_url(grantee, source_arn=source_arn, source_account=source_account)

    def metrics(self, *, period: Duration | None = None) -> StreamMetrics:
        """The metrics of the alias and its URL, over `period` (default: 5 minutes) a data point."""
        return StreamMetrics(self.alias, period=period)


def _require_unqualified(function_arn: str, alias_name: str) -> None:
    if not is_unresolved(function_arn):
        resource = Arn.split(function_arn, ArnFormat.COLON_RESOURCE_NAME) if function_arn.startswith("arn:") else None
        name = resource.resource_name if resource is not None and resource.service == "lambda" else None
        if not name or ":" in name:
            raise ValueError(
                f"IMPORT_ARN: function_arn is {function_arn!r}; it takes the ARN of the function without version or alias, such as "
                "arn:aws:lambda:eu-west-1:123456789012:function:chat. Give the alias as alias_name."
            )
    if not is_unresolved(alias_name) and (alias_name == _LATEST or alias_name.isdigit() or not alias_name):
        raise ValueError(
            f"IMPORT_ALIAS: alias_name is {alias_name!r}, which is no alias; a StreamingFunction's URL, warm environments and metrics "
            "are on its alias, which is named 'live'. Give the alias's name, or leave alias_name out."
        )


def _known(value: int | None) -> int | None:
    return None if value is None or is_unresolved(value) else value
