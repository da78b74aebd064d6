"""What is known of the function behind an alias while the app is synthesized."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from aws_cdk import aws_lambda as lambda_

from constructs_pkg._behind import noted_facts
from constructs_pkg._lasting import function_of, resource_of
from constructs_pkg._tokens import is_unresolved
from constructs_pkg.defaults import first_given

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_cdk import Duration

_LAMBDAS_TIMEOUT_SECONDS: Final = 3
_LAMBDAS_MEMORY_MB: Final = 128
_JUST_MADE: Final = "_streaming_facts_just_made"


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
        just_made: FunctionFacts | None = vars(alias).get(_JUST_MADE)
        if just_made is not None:
            return just_made
        function = resource_of(function_of(alias))
        if not isinstance(function, lambda_.CfnFunction):
            return FunctionFacts(**noted_facts(alias))
        timeout = first_given(function.timeout, default=_LAMBDAS_TIMEOUT_SECONDS)
        memory = first_given(function.memory_size, default=_LAMBDAS_MEMORY_MB)
        logging = function.logging_config
        facts = FunctionFacts(
            timeout_ms=None if is_unresolved(timeout) else timeout * 1000,
            memory_size_mb=known(memory),
            reserved_concurrency=known(function.reserved_concurrent_executions),
            provisioned_concurrency=provisioned_on(alias),
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
        memory = known(memory_size)
        reserved = known(reserved_concurrent_executions)
        return replace(
            self,
            timeout_ms=self.timeout_ms if timeout_ms is None else timeout_ms,
            memory_size_mb=self.memory_size_mb if memory is None else memory,
            reserved_concurrency=self.reserved_concurrency if reserved is None else reserved,
        )


@contextmanager
def while_made(alias: lambda_.IAlias, facts: FunctionFacts) -> Iterator[None]:
    """Within it, `FunctionFacts.of(alias)` takes the word of who is making the function, who has only just said so to CDK.

    Each look at a resource's property is a trip to jsii's Node. Afterwards the resources are read again: by then somebody may
    have changed them.
    """
    vars(alias)[_JUST_MADE] = facts
    try:
        yield
    finally:
        del vars(alias)[_JUST_MADE]


def known(value: float | None) -> float | None:
    """The number, where it is one by now."""
    return None if value is None or is_unresolved(value) else value


def provisioned_on(alias: lambda_.IAlias) -> float | None:
    """A fixed number of warm environments on the alias; None where there are none, or where autoscaling moves the number."""
    resource = resource_of(alias)
    if not isinstance(resource, lambda_.CfnAlias):
        return None
    config = resource.provisioned_concurrency_config
    if not isinstance(config, lambda_.CfnAlias.ProvisionedConcurrencyConfigurationProperty):
        return None
    return known(config.provisioned_concurrent_executions)
