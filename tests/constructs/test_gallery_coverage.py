"""The gallery is complete: every exported name stands in it, with every parameter that it has."""

from __future__ import annotations

import ast
import inspect
from typing import TYPE_CHECKING, Any, Final

import pytest

import constructs_pkg

from .conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GALLERY: Final = ROOT / "tests" / "gallery"
CALLS: Final = [
    node for path in GALLERY.glob("*.py") for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)
]
MADE_BY_FACTORIES: Final = {
    "ImportedStreamingFunction",
    "ProvisionedConcurrency",
    "StreamingCode",
    "StreamingDefaults",
    "TrafficShift",
}
"""Their constructors are not what people call."""
SET_BY_FACTORIES: Final = {"WebAcl": {"arn", "enabled"}}
CALLED_BY_OTHERS: Final = {
    "StreamingCode.bind",  # by StreamingFunction
    "StreamingDefaults.of",  # by each construct
    "StreamingChecks.validate",  # by CDK
    "StreamLogMetrics.shared",  # by StreamAlarms and StreamingDashboard
    "StreamingRuntimeLayer.shared",  # by StreamingFunction
    "StreamLimits.to_environment",  # by StreamingFunction and the layer
}


def used_by(matches: Callable[[ast.Call], bool], signature: inspect.Signature) -> set[str]:
    """The parameters that some call in the gallery gives."""
    names = [name for name in signature.parameters if name not in ("self", "cls")]
    given: set[str] = set()
    for call in filter(matches, CALLS):
        given.update(names[: len(call.args)])
        given.update(keyword.arg for keyword in call.keywords if keyword.arg is not None and not says_none(keyword.value))
    return given


def says_none(value: ast.expr) -> bool:
    """Whether it says what is said by leaving it out."""
    return isinstance(value, ast.Constant) and value.value is None


def parameters(signature: inspect.Signature) -> set[str]:
    return set(signature.parameters) - {"self", "cls"}


def constructs(name: str) -> Callable[[ast.Call], bool]:
    return lambda call: isinstance(call.func, ast.Name) and call.func.id == name


def calls(method: str) -> Callable[[ast.Call], bool]:
    return lambda call: isinstance(call.func, ast.Attribute) and call.func.attr == method


def callables() -> Iterator[object]:
    for name in constructs_pkg.__all__:
        of_name: Any = getattr(constructs_pkg, name)
        if name not in MADE_BY_FACTORIES:
            yield pytest.param(constructs(name), inspect.signature(of_name.__init__), SET_BY_FACTORIES.get(name, set()), id=name)
        for method, found in vars(of_name).items():
            function = found.__func__ if isinstance(found, staticmethod | classmethod) else found
            qualified = f"{name}.{method}"
            if method.startswith("_") or not inspect.isfunction(function) or qualified in CALLED_BY_OTHERS:
                continue
            if name == "StreamMetrics":
                continue  # each of its metrics is on a dashboard or in an alarm; test_metrics.py calls each
            yield pytest.param(calls(method), inspect.signature(function), set(), id=qualified)


@pytest.mark.parametrize(("matches", "signature", "elsewhere"), list(callables()))
def test_the_gallery_uses_it_with_every_parameter(
    matches: Callable[[ast.Call], bool], signature: inspect.Signature, elsewhere: set[str]
) -> None:
    assert any(matches(call) for call in CALLS), "add it to tests/gallery"
    missing = parameters(signature) - used_by(matches, signature) - elsewhere
    assert missing == set(), "use these parameters in tests/gallery too"
