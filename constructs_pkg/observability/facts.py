"""What is known of the function behind an alias while the app is synthesized."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from aws_cdk import aws_lambda as lambda_

from constructs_pkg._behind import noted_facts
from constructs_pkg._lasting import function_of, resource_of
from constructs_pkg._tokens import is_unresolved
from constructs_pkg.defaults import first_given

if TYPE_CHECKING:
    from aws_cdk import Duration

_LAMBDAS_TIMEOUT_SECONDS: Final = 3
_LAMBDAS_MEMORY_MB: Final = 128


@dataclass(frozen=True, kw_only=True)
class FunctionFacts:
    """What alarms and graphs compare with. None where it is not known: an imported function, or a deploy-time value.

    Attributes:
        timeout_ms: The function's timeout.
        memory_size_mb: Its memory.
        reserved_concurrency: Most environments at a time; also None where there is no limit of its own.
        provisioned_concurrency: A fixed number of warm environments on the alias; also None where there are none, or where
            autoscaling moves the number.
        writes_stream_records: Whether its system log carries `platform.runtimeDone`: JSON, at level DEBUG.
        log_group_name: Where it logs, where that was chosen in this app.
        logged_elsewhere: Whether another app has made the metric filters on its log.
    """

    timeout_ms: float | None = None
    memory_size_mb: float | None = None
    reserved_concurrency: float | None = None
    provisioned_concurrency: float | None = None
    writes_stream_records: bool | None = None
    log_group_name: str | None = None
    logged_elsewhere: bool = False

    @staticmethod
    def of(alias: lambda_.IAlias) -> FunctionFacts:
        """Reads what the alias and its function are configured with at this moment."""
        function = resource_of(function_of(alias))
        if not isinstance(function, lambda_.CfnFunction):
            return FunctionFacts(**noted_facts(alias))
        timeout = first_given(function.timeout, default=_LAMBDAS_TIMEOUT_SECONDS)
        memory = first_given(function.memory_size, default=_LAMBDAS_MEMORY_MB)
        logging = function.logging_config
        facts = FunctionFacts(
            timeout_ms=None if is_unresolved(timeout) else timeout * 1000,
            memory_size_mb=_known(memory),
            reserved_concurrency=_known(function.reserved_concurrent_executions),
            provisioned_concurrency=_provisioned(alias),
        )
        if logging is None:
            return replace(facts, writes_stream_records=False)
        if not isinstance(logging, lambda_.CfnFunction.LoggingConfigProperty):
            return facts
        levels = (logging.log_format, logging.system_log_level)
        unknown = any(is_unresolved(level) for level in levels)
        return replace(
            facts,
            writes_stream_records=None if unknown else levels == ("JSON", "DEBUG"),
            log_group_name=logging.log_group,
        )

    def corrected(
        self, *, timeout: Duration | None, memory_size: int | None, reserved_concurrent_executions: int | None
    ) -> FunctionFacts:
        """These facts, with what the caller knows better."""
        timeout_ms = None if timeout is None or timeout.is_unresolved() else timeout.to_milliseconds()
        memory = _known(memory_size)
        reserved = _known(reserved_concurrent_executions)
        return replace(
            self,
            timeout_ms=self.timeout_ms if timeout_ms is None else timeout_ms,
            memory_size_mb=self.memory_size_mb if memory is None else memory,
            reserved_concurrency=self.reserved_concurrency if reserved is None else reserved,
        )


def _known(value: float | None) -> float | None:
    return None if value is None or is_unresolved(value) else value


def _provisioned(alias: lambda_.IAlias) -> float | None:
    resource = resource_of(alias)
    if not isinstance(resource, lambda_.CfnAlias):
        return None
    config = resource.provisioned_concurrency_config
    if not isinstance(config, lambda_.CfnAlias.ProvisionedConcurrencyConfigurationProperty):
        return None
    return _known(config.provisioned_concurrent_executions)
