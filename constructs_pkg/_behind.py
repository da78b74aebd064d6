"""What can be read about the function behind an alias, where the template says it in plain numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aws_cdk import Annotations
from aws_cdk import aws_lambda as lambda_

from ._lasting import function_of, node_of, resource_of
from ._tokens import is_unresolved

if TYPE_CHECKING:
    from constructs import Construct

_HEARTBEAT: Final = "streaming-lambda:heartbeat-seconds"
_FACTS: Final = "streaming-lambda:imported-function"


def timeout_seconds(alias: lambda_.IAlias) -> float | None:
    """The function's timeout in seconds; None where an import does not say it, or where the number is a token."""
    resource = _resource(alias)
    if resource is None:
        milliseconds: float | None = noted_facts(alias).get("timeout_ms")
        return None if milliseconds is None else milliseconds / 1000
    # CloudFormation's own default, https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-function.html
    seconds = 3 if resource.timeout is None else resource.timeout
    return None if is_unresolved(seconds) else seconds


def remember_facts(function: lambda_.IFunction, **facts: float | str | bool | None) -> None:
    """Notes on an imported function what its importer knows of it: fields of `FunctionFacts`, None for what is not known."""
    function.node.add_metadata(_FACTS, {name: value for name, value in facts.items() if value is not None})


def noted_facts(alias: lambda_.IAlias) -> dict[str, Any]:
    """What `remember_facts` noted on the alias's function."""
    noted = [entry.data for entry in node_of(function_of(alias)).metadata if entry.type == _FACTS]
    return dict(noted[-1]) if noted else {}


def remember_heartbeat(function: lambda_.IFunction, seconds: int) -> None:
    """Notes on a function how often its streams send a heartbeat, as far as it is known, for the fronts that are put before it.

    The environment variable says it too, but an L2 function's environment cannot be read back through jsii: it is a lazy
    value, of which Python sees an empty struct (seen on aws-cdk-lib 2.275.0).
    """
    if not is_unresolved(seconds):
        node_of(function).add_metadata(_HEARTBEAT, seconds)


def heartbeat_seconds(alias: lambda_.IAlias) -> int | None:
    """What `remember_heartbeat` noted on the alias's function last; None where nothing was noted."""
    noted = [entry.data for entry in node_of(function_of(alias)).metadata if entry.type == _HEARTBEAT]
    return int(noted[-1]) if noted else None


def require_heartbeat_within(
    scope: Construct, alias: lambda_.IAlias, *, stated: int | None, limit_seconds: float, front: str, mend: str
) -> None:
    """Refuses a heartbeat that the front's idle timeout would cut, and doubts a silence that nobody has spoken about.

    Args:
        scope: Where a warning is put.
        alias: Whose function is asked when `stated` is None.
        stated: Seconds between heartbeats, 0 for none, None for what was noted on the function.
        limit_seconds: Longest silence that the front accepts.
        front: Its name and the name of the limit, for the message.
        mend: What to raise.

    Raises:
        ValueError: `HEARTBEAT_TOO_SLOW` when a heartbeat is not shorter than the limit.
    """
    beat = heartbeat_seconds(alias) if stated is None else stated
    if is_unresolved(beat) or is_unresolved(limit_seconds):
        return
    if beat is not None and beat >= limit_seconds:
        raise ValueError(
            f"HEARTBEAT_TOO_SLOW: the function sends a heartbeat every {beat} s, but {front} is {limit_seconds:g} s: a model that thinks "
            f"that long loses its stream. Lower heartbeat_seconds in StreamLimits below {limit_seconds:g}, or {mend}."
        )
    if beat:
        return
    longest = timeout_seconds(alias)
    if longest is not None and longest <= limit_seconds:
        return
    found = "sends no heartbeat" if beat == 0 else "does not say how often it sends a heartbeat"
    Annotations.of(scope).add_warning_v2(
        "streaming-lambda:silence-unbounded",
        f"The function {found}, and {front} is {limit_seconds:g} s: a stream that is silent for longer is cut off. Set StreamLimits"
        "(heartbeat_seconds=...), or state the longest silence of your own code as heartbeat_seconds here.",
    )


def _resource(alias: lambda_.IAlias) -> lambda_.CfnFunction | None:
    resource = resource_of(function_of(alias))
    return resource if isinstance(resource, lambda_.CfnFunction) else None
