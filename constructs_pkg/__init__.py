"""AWS CDK constructs for Lambda functions that stream their response.

The names below are loaded when they are first used (PEP 562), so that `import constructs_pkg.client` or
`constructs_pkg.emulator` loads neither aws_cdk nor Node.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .browser_identity import BrowserIdentity
    from .checks import StreamingChecks
    from .code import StreamingCode
    from .concurrency import ProvisionedConcurrency, WarmHours
    from .defaults import StreamingDefaults
    from .distribution import StreamingDistribution
    from .function import StreamingFunction
    from .imported_function import ImportedStreamingFunction
    from .limits import StreamLimits
    from .model_access import BedrockModelAccess
    from .observability.alarms import StreamAlarms
    from .observability.dashboard import StreamingDashboard
    from .observability.log_metrics import StreamLogMetrics
    from .observability.metrics import StreamMetrics
    from .observability.thresholds import AlarmThresholds
    from .rest_api import StreamingRestApi
    from .rest_route import RestRoute
    from .rollout import CanaryRollout, TrafficShift
    from .runtime_layer import StreamingRuntimeLayer
    from .stream_store import StreamStore
    from .url import StreamingUrl
    from .web_acl import WebAcl

__all__ = [
    "AlarmThresholds",
    "BedrockModelAccess",
    "BrowserIdentity",
    "CanaryRollout",
    "ImportedStreamingFunction",
    "ProvisionedConcurrency",
    "RestRoute",
    "StreamAlarms",
    "StreamLimits",
    "StreamLogMetrics",
    "StreamMetrics",
    "StreamStore",
    "StreamingChecks",
    "StreamingCode",
    "StreamingDashboard",
    "StreamingDefaults",
    "StreamingDistribution",
    "StreamingFunction",
    "StreamingRestApi",
    "StreamingRuntimeLayer",
    "StreamingUrl",
    "TrafficShift",
    "WarmHours",
    "WebAcl",
]

_MODULES = {
    "AlarmThresholds": ".observability.thresholds",
    "BedrockModelAccess": ".model_access",
    "BrowserIdentity": ".browser_identity",
    "CanaryRollout": ".rollout",
    "ImportedStreamingFunction": ".imported_function",
    "ProvisionedConcurrency": ".concurrency",
    "RestRoute": ".rest_route",
    "StreamAlarms": ".observability.alarms",
    "StreamLimits": ".limits",
    "StreamLogMetrics": ".observability.log_metrics",
    "StreamMetrics": ".observability.metrics",
    "StreamStore": ".stream_store",
    "StreamingChecks": ".checks",
    "StreamingCode": ".code",
    "StreamingDashboard": ".observability.dashboard",
    "StreamingDefaults": ".defaults",
    "StreamingDistribution": ".distribution",
    "StreamingFunction": ".function",
    "StreamingRestApi": ".rest_api",
    "StreamingRuntimeLayer": ".runtime_layer",
    "StreamingUrl": ".url",
    "TrafficShift": ".rollout",
    "WarmHours": ".concurrency",
    "WebAcl": ".web_acl",
}


if not TYPE_CHECKING:  # a type checker would take any name for one that is here

    def __getattr__(name: str) -> Any:
        module = _MODULES.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(module, __name__), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
