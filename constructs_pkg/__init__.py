"""AWS CDK constructs for Lambda functions that stream their response.

The names below are loaded when they are first used (PEP 562), so that `import constructs_pkg.client` or
`constructs_pkg.emulator` loads neither aws_cdk nor Node.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .code import StreamingCode
    from .concurrency import ProvisionedConcurrency
    from .function import StreamingFunction
    from .limits import StreamLimits
    from .model_access import BedrockModelAccess
    from .observability.alarms import AlarmThresholds, StreamAlarms
    from .observability.metrics import StreamMetrics
    from .runtime_layer import StreamingRuntimeLayer
    from .url import StreamingUrl

__all__ = [
    "AlarmThresholds",
    "BedrockModelAccess",
    "ProvisionedConcurrency",
    "StreamAlarms",
    "StreamLimits",
    "StreamMetrics",
    "StreamingCode",
    "StreamingFunction",
    "StreamingRuntimeLayer",
    "StreamingUrl",
]

_MODULES = {
    "AlarmThresholds": ".observability.alarms",
    "BedrockModelAccess": ".model_access",
    "ProvisionedConcurrency": ".concurrency",
    "StreamAlarms": ".observability.alarms",
    "StreamLimits": ".limits",
    "StreamMetrics": ".observability.metrics",
    "StreamingCode": ".code",
    "StreamingFunction": ".function",
    "StreamingRuntimeLayer": ".runtime_layer",
    "StreamingUrl": ".url",
}


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(module, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
