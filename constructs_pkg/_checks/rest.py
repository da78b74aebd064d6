"""Settings of a REST API that need the whole response, and so keep it from streaming."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._rule import Found, rule
from .model import is_true

if TYPE_CHECKING:
    from collections.abc import Iterator

    from constructs_pkg.assembly import Resource

    from .model import StreamingApp


@rule("REST_BUFFERS", "a cache or compression on a REST API that streams")
def rest_buffers(app: StreamingApp) -> Iterator[Found]:
    """API Gateway streams with neither
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html).
    """
    for api in _streaming_apis(app):
        if app.value(api, "MinimumCompressionSize") is not None:
            yield _found(api, "compression", "MinimumCompressionSize")
        for stage in app.assembly.of_type("AWS::ApiGateway::Stage"):
            if app.value(stage, "RestApiId") != app.ref(api):
                continue
            settings = [setting for _, setting in app.mappings(stage, "MethodSettings")]
            if app.flag(stage, "CacheClusterEnabled") or any(is_true(setting.get("CachingEnabled")) for setting in settings):
                yield _found(stage, "a cache", "CacheClusterEnabled")


def _found(resource: Resource, what: str, location: str) -> Found:
    return Found(
        resource,
        f"the API streams, and has {what}, which needs the whole response: API Gateway does not stream with it",
        "Remove it; the function compresses by itself where the caller accepts it.",
        location,
    )


def _streaming_apis(app: StreamingApp) -> Iterator[Resource]:
    methods = (endpoint.resource for endpoint in app.endpoints if endpoint.streams and not endpoint.is_url)
    apis = (app.rest_api(method) for method in methods)
    yield from {(api.stack.path, api.logical_id): api for api in apis if api is not None}.values()
