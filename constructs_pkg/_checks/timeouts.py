"""Time limits along a path that do not agree: CloudFront, API Gateway, Lambda, heartbeat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ._rule import Found, rule
from .model import DEFAULT_INTEGRATION_MS, DEFAULT_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from constructs_pkg.assembly import Resource

    from .model import Endpoint, Function, StreamingApp

_LONGEST_INTEGRATION_SECONDS: Final = 900
_LONGEST_READ_SECONDS: Final = 120
_IDLE_SECONDS: Final = {"EDGE": 30, "REGIONAL": 300, "PRIVATE": 300}
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html"""
_OUR_WRAPPER: Final = "/opt/streaming-wrapper"


@rule("HEARTBEAT_TOO_SLOW", "a heartbeat that is not shorter than the idle timeout of what stands in front")
def heartbeat_too_slow(app: StreamingApp) -> Iterator[Found]:
    """A stream that is silent for longer than its front accepts is cut off."""
    for front, location, limit, what, endpoint in _fronts(app):
        function = app.function(endpoint.called)
        beat = _heartbeat(app, function) if function else None
        if function is None or beat is None:
            continue
        if beat >= limit or (beat == 0 and _exceeds(_timeout(app, function), limit)):
            says = f"sends a heartbeat every {beat:g} s" if beat else "sends no heartbeat (STREAM_HEARTBEAT_SECONDS is 0)"
            yield Found(
                front,
                f"{what} ends a stream after {limit:g} s of silence, and {function.resource.path} {says}",
                f"Set heartbeat_seconds in StreamLimits below {limit:g}, or raise that limit.",
                location,
            )


@rule("SILENCE_UNBOUNDED", "an edge-optimized API whose streams may be silent for longer than it accepts", severity="warning")
def silence_unbounded(app: StreamingApp) -> Iterator[Found]:
    """Only a doubt: code that does not stream through our runtime may have a heartbeat of its own."""
    for endpoint in _streaming_methods(app):
        function = app.function(endpoint.called)
        limit = _IDLE_SECONDS["EDGE"]
        if function is None or _endpoint_type(app, endpoint.resource) != "EDGE" or _heartbeat(app, function) is not None:
            continue
        if _exceeds(_timeout(app, function), limit) and _exceeds(_integration_seconds(app, endpoint.resource), limit):
            yield Found(
                endpoint.resource,
                f"an edge-optimized API ends a stream after {limit} s of silence, and nothing says how long {function.resource.path} is silent",
                "Use a regional endpoint (5 minutes), or send something more often than that.",
            )


@rule("INTEGRATION_TIMEOUT_OUT_OF_RANGE", "an integration that streams for more than 15 minutes")
def integration_out_of_range(app: StreamingApp) -> Iterator[Found]:
    """API Gateway streams for 15 minutes at most."""
    for endpoint in _streaming_methods(app):
        seconds = _integration_seconds(app, endpoint.resource)
        if seconds is not None and seconds > _LONGEST_INTEGRATION_SECONDS:
            yield Found(
                endpoint.resource,
                f"the integration's timeout is {seconds:g} s, and API Gateway streams for {_LONGEST_INTEGRATION_SECONDS} s at most",
                f"Set it to at most {_LONGEST_INTEGRATION_SECONDS} s.",
                "Integration.TimeoutInMillis",
            )


@rule("INTEGRATION_TIMEOUT_MISMATCH", "an integration that gives up before its function does, or waits for longer than it runs")
def integration_mismatch(app: StreamingApp) -> Iterator[Found]:
    """Cut off by API Gateway, the function runs on and is billed; the other way round, the longer limit is never reached."""
    for endpoint in _streaming_methods(app):
        function = app.function(endpoint.called)
        longest = _timeout(app, function) if function else None
        seconds = _integration_seconds(app, endpoint.resource)
        asked_for = app.value(endpoint.resource, "Integration", "TimeoutInMillis") is not None
        if function is None or longest is None or seconds is None or seconds == longest or (seconds > longest and not asked_for):
            continue
        consequence = (
            "API Gateway cuts streams off, and the function runs on and is billed"
            if seconds < longest
            else "the function ends first, so the longer limit is never reached"
        )
        yield Found(
            endpoint.resource,
            f"the integration's timeout is {seconds:g} s, that of {function.resource.path} {longest:g} s: {consequence}",
            "Make them equal.",
            "Integration.TimeoutInMillis",
        )


@rule("RESPONSE_TIMEOUT_OUT_OF_RANGE", "a CloudFront response timeout above 120 seconds")
def read_timeout_out_of_range(app: StreamingApp) -> Iterator[Found]:
    """More than this needs a raised quota."""
    for origin in app.origins:
        if origin.read_timeout_seconds > _LONGEST_READ_SECONDS:
            yield Found(
                origin.resource,
                f"the origin's response timeout is {origin.read_timeout_seconds:g} s, and CloudFront takes {_LONGEST_READ_SECONDS} s at most",
                f"Set it to at most {_LONGEST_READ_SECONDS} s; heartbeats keep longer streams alive.",
                f"{origin.location}.CustomOriginConfig.OriginReadTimeout",
            )


@rule("COMPLETION_BELOW_RESPONSE_TIMEOUT", "CloudFront's response completion timeout below its response timeout")
def completion_below_read_timeout(app: StreamingApp) -> Iterator[Found]:
    """CloudFront refuses it."""
    for origin in app.origins:
        completion = origin.completion_timeout_seconds
        if completion is not None and completion < origin.read_timeout_seconds:
            yield Found(
                origin.resource,
                f"the origin's response completion timeout is {completion:g} s, below its response timeout of "
                f"{origin.read_timeout_seconds:g} s, which CloudFront refuses",
                "Raise the first, or lower the second.",
                f"{origin.location}.ResponseCompletionTimeout",
            )


@rule("COMPLETION_BELOW_FUNCTION_TIMEOUT", "a CloudFront completion timeout below the function's own timeout", severity="warning")
def completion_below_function(app: StreamingApp) -> Iterator[Found]:
    """CloudFront cuts the stream off; the function runs on and is billed."""
    for origin in app.origins:
        completion = origin.completion_timeout_seconds
        functions = {function.arn: function for endpoint in origin.behind if (function := app.function(endpoint.called))}
        for function in functions.values():
            longest = _timeout(app, function)
            if completion is not None and longest is not None and completion < longest:
                yield Found(
                    origin.resource,
                    f"CloudFront ends each response after {completion:g} s, and {function.resource.path} may run for {longest:g} s: it would "
                    "run on and be billed",
                    "Raise the response completion timeout, or lower the function's.",
                    f"{origin.location}.ResponseCompletionTimeout",
                )


@rule("DEADLINE_MARGIN_TOO_LONG", "a deadline margin as long as the function's timeout")
def deadline_margin_too_long(app: StreamingApp) -> Iterator[Found]:
    """Every stream would end before it begins."""
    for function in app.streaming_functions:
        margin = app.variable(function, "STREAM_DEADLINE_MARGIN_MS")
        longest = _timeout(app, function)
        if longest is not None and margin is not None and margin.isdigit() and int(margin) >= longest * 1000:
            yield Found(
                function.resource,
                f"streams are ended {margin} ms before the timeout, which is {longest * 1000:g} ms: before they begin",
                "Raise the timeout, or lower deadline_margin_ms in StreamLimits.",
                "Timeout",
            )


@rule("TIMEOUT_LEFT_AT_DEFAULT", "a streaming function that was left at Lambda's timeout of 3 seconds", severity="warning")
def timeout_left_at_default(app: StreamingApp) -> Iterator[Found]:
    """No stream lasts longer than that."""
    for function in app.streaming_functions:
        if "Timeout" not in function.resource.raw:
            yield Found(
                function.resource,
                f"no timeout is set, so every stream is cut off after {DEFAULT_TIMEOUT_SECONDS} s",
                "Set a timeout as long as the longest stream.",
                "Timeout",
            )


@rule("MEMORY_LEFT_AT_DEFAULT", "a streaming function that was left at Lambda's memory of 128 MB", severity="warning")
def memory_left_at_default(app: StreamingApp) -> Iterator[Found]:
    """CPU comes with memory (1769 MB are one core): at 128 MB a runtime that starts takes seconds, and each token its time."""
    for function in app.streaming_functions:
        if "MemorySize" not in function.resource.raw:
            yield Found(
                function.resource,
                "no memory size is set, so it has Lambda's smallest, 128 MB, and a fourteenth of a core",
                "Set a memory size, such as 1024; 128 where that was meant.",
                "MemorySize",
            )


def _fronts(app: StreamingApp) -> Iterator[tuple[Resource, str, float, str, Endpoint]]:
    """Whatever ends a silent stream: (resource, property, longest silence in seconds, its name, the endpoint behind it)."""
    for origin in app.origins:
        location = f"{origin.location}.CustomOriginConfig.OriginReadTimeout"
        for endpoint in origin.behind:
            yield origin.resource, location, origin.read_timeout_seconds, "CloudFront", endpoint
    for endpoint in _streaming_methods(app):
        kind = _endpoint_type(app, endpoint.resource)
        if kind in _IDLE_SECONDS:
            what = "an edge-optimized API" if kind == "EDGE" else f"a {kind.lower()} API"
            yield endpoint.resource, "Integration", _IDLE_SECONDS[kind], what, endpoint


def _streaming_methods(app: StreamingApp) -> Iterator[Endpoint]:
    return (endpoint for endpoint in app.endpoints if endpoint.streams and not endpoint.is_url)


def _endpoint_type(app: StreamingApp, method: Resource) -> str:
    api = app.rest_api(method)
    if api is None:
        return ""
    types = app.texts(api, "EndpointConfiguration", "Types")
    return types[0] if types else "EDGE" if api.raw.get("EndpointConfiguration") is None else ""


def _integration_seconds(app: StreamingApp, method: Resource) -> float | None:
    milliseconds = app.number(method, "Integration", "TimeoutInMillis", default=DEFAULT_INTEGRATION_MS)
    return None if milliseconds is None else milliseconds / 1000


def _timeout(app: StreamingApp, function: Function) -> float | None:
    return app.number(function.resource, "Timeout", default=DEFAULT_TIMEOUT_SECONDS)


def _exceeds(seconds: float | None, limit: float) -> bool:
    return seconds is not None and seconds > limit


def _heartbeat(app: StreamingApp, function: Function) -> float | None:
    """Seconds between heartbeats; 0 for none, None for code that does not say."""
    text = app.variable(function, "STREAM_HEARTBEAT_SECONDS")
    if text is None:
        return 15 if app.variable(function, "AWS_LAMBDA_EXEC_WRAPPER") == _OUR_WRAPPER else None
    return float(text) if text.isdigit() else None
