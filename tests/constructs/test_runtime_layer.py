"""StreamingRuntimeLayer on a plain function, and the defaults that blocks take from the scope around them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template

from constructs_pkg import AlarmThresholds, StreamAlarms, StreamingDefaults, StreamingRuntimeLayer, StreamLimits
from constructs_pkg import runtime_layer as module
from tests.constructs.reading import only

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def plain(stack: Stack, **parameters: Any) -> lambda_.Function:
    given: dict[str, Any] = {"runtime": lambda_.Runtime.PYTHON_3_12, "handler": "index.handler", **parameters}
    return lambda_.Function(stack, "Plain", code=lambda_.Code.from_inline("def handler(event, context): yield 'x'"), **given)


def variables(stack: Stack) -> dict[str, Any]:
    _, function = only(Template.from_stack(stack).find_resources("AWS::Lambda::Function"))
    found: dict[str, Any] = function["Environment"]["Variables"]
    return found


def test_a_plain_function_gets_layer_wrapper_and_limits(stack: Stack) -> None:
    function = plain(stack)
    StreamingRuntimeLayer(stack, "Layer").attach_to(function, limits=StreamLimits(heartbeat_seconds=7))
    assert variables(stack)["AWS_LAMBDA_EXEC_WRAPPER"] == "/opt/streaming-wrapper"
    assert variables(stack)["STREAM_HEARTBEAT_SECONDS"] == "7"
    _, found = only(Template.from_stack(stack).find_resources("AWS::Lambda::Function"))
    assert len(found["Layers"]) == 1


def test_it_can_be_attached_after_the_alias_exists_and_changes_the_version(make_stack: Callable[..., Stack]) -> None:
    def version(attach: bool) -> str:
        stack = make_stack()
        function = plain(stack)
        lambda_.Alias(stack, "Alias", alias_name="live", version=function.current_version)
        if attach:
            StreamingRuntimeLayer(stack, "Layer").attach_to(function)
        return only(Template.from_stack(stack).find_resources("AWS::Lambda::Version"))[0]

    assert version(attach=True) != version(attach=False)


def test_a_variable_that_the_function_sets_itself_stays(stack: Stack) -> None:
    StreamingRuntimeLayer(stack, "Layer").attach_to(plain(stack, environment={"STREAM_HEARTBEAT_SECONDS": "3"}))
    assert variables(stack)["STREAM_HEARTBEAT_SECONDS"] == "3"
    assert variables(stack)["STREAM_MAX_CHUNK_BYTES"] == "65536"


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"environment": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/other"}}, "LAYER_WRAPPER_TAKEN"),
        ({"runtime": lambda_.Runtime.NODEJS_22_X}, "LAYER_RUNTIME"),
        ({"runtime": lambda_.Runtime.PYTHON_3_9}, "LAYER_RUNTIME"),
    ],
)
def test_where_it_cannot_work_it_is_refused(parameters: dict[str, Any], code: str, make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    function = plain(stack, **parameters)
    with pytest.raises(ValueError, match=f"^{code}: "):
        StreamingRuntimeLayer(stack, "Layer").attach_to(function)


def test_an_imported_function_is_refused(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    imported = lambda_.Function.from_function_arn(stack, "F", "arn:aws:lambda:eu-west-1:123456789012:function:f")
    with pytest.raises(ValueError, match="^LAYER_ON_IMPORTED: "):
        StreamingRuntimeLayer(stack, "Layer").attach_to(imported)  # type: ignore[arg-type]


def test_a_wrapper_that_lost_its_run_bit_is_refused(
    make_stack: Callable[..., Stack], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "layer").mkdir()
    (tmp_path / "layer" / "streaming-wrapper").write_text("#!/bin/sh\n")
    monkeypatch.setattr(module, "RUNTIME_LAYER_DIRECTORY", tmp_path / "layer")
    with pytest.raises(ValueError, match="^WRAPPER_NOT_EXECUTABLE: "):
        StreamingRuntimeLayer(make_stack(), "Layer")


def test_blocks_take_what_is_left_out_from_the_scope_around_them(stack: Stack) -> None:
    StreamingDefaults.set(stack, limits=StreamLimits(heartbeat_seconds=4), alarms=AlarmThresholds.disabled(), memory_size=2048)
    function = plain(stack)
    StreamingRuntimeLayer(stack, "Layer").attach_to(function)
    alias = lambda_.Alias(stack, "Alias", alias_name="live", version=function.current_version)
    assert StreamAlarms(stack, "Alarms", alias=alias).all == []
    assert variables(stack)["STREAM_HEARTBEAT_SECONDS"] == "4"
