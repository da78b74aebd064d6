"""A streaming endpoint on a plain function that buffers is refused, unless something teaches the function to stream."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from aws_cdk import CfnParameter, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template

from constructs_pkg import StreamingRestApi, StreamingRuntimeLayer, StreamingUrl, WebAcl

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER: Final = str(Path(__file__).parent)
BUFFERING: Final = {
    "python": lambda_.Runtime.PYTHON_3_13,
    "java": lambda_.Runtime.JAVA_21,
    "ruby": lambda_.Runtime.RUBY_3_4,
    "dotnet": lambda_.Runtime.DOTNET_8,
}
STREAMING: Final = {"node": lambda_.Runtime.NODEJS_24_X, "custom": lambda_.Runtime.PROVIDED_AL2023}


def plain(stack: Stack, runtime: lambda_.Runtime, **environment: str) -> tuple[lambda_.Function, lambda_.Alias]:
    code = lambda_.Code.from_inline("x") if runtime.supports_inline_code else lambda_.Code.from_asset(FOLDER)
    function = lambda_.Function(
        stack, "Function", code=code, handler="index.handler", runtime=runtime, environment=environment or None
    )
    return function, lambda_.Alias(stack, "Alias", alias_name="prod", version=function.current_version)


def url(stack: Stack, alias: lambda_.IAlias) -> None:
    StreamingUrl(stack, "Endpoint", alias=alias)


def rest_api(stack: Stack, alias: lambda_.IAlias) -> None:
    StreamingRestApi(stack, "Endpoint", alias=alias, web_acl=WebAcl.disabled())


endpoints = pytest.mark.parametrize("endpoint", [url, rest_api])


@endpoints
@pytest.mark.parametrize("language", BUFFERING)
def test_a_language_whose_client_buffers_is_refused(
    endpoint: Callable[[Stack, lambda_.IAlias], None], language: str, stack: Stack
) -> None:
    endpoint(stack, plain(stack, BUFFERING[language])[1])
    with pytest.raises(RuntimeError, match=rf"TestStack/Endpoint\] RUNTIME_BUFFERS: TestStack/Function runs on {language}"):
        Template.from_stack(stack)


@endpoints
@pytest.mark.parametrize("language", STREAMING)
def test_a_language_that_streams_by_itself_passes(
    endpoint: Callable[[Stack, lambda_.IAlias], None], language: str, stack: Stack
) -> None:
    endpoint(stack, plain(stack, STREAMING[language])[1])
    Template.from_stack(stack)


@endpoints
def test_python_passes_once_the_layer_is_attached_be_it_later(
    endpoint: Callable[[Stack, lambda_.IAlias], None], stack: Stack
) -> None:
    function, alias = plain(stack, lambda_.Runtime.PYTHON_3_13)
    endpoint(stack, alias)
    StreamingRuntimeLayer(stack, "Layer").attach_to(function)
    Template.from_stack(stack)


def test_a_wrapper_of_ones_own_counts(stack: Stack) -> None:
    url(stack, plain(stack, lambda_.Runtime.JAVA_21, AWS_LAMBDA_EXEC_WRAPPER="/opt/bootstrap")[1])
    Template.from_stack(stack)


def test_what_is_not_known_is_not_refused(stack: Stack) -> None:
    function, alias = plain(stack, lambda_.Runtime.PYTHON_3_13)
    resource = function.node.default_child
    assert isinstance(resource, lambda_.CfnFunction)
    resource.runtime = CfnParameter(stack, "Runtime").value_as_string
    url(stack, alias)
    theirs = lambda_.Function.from_function_arn(stack, "Theirs", "arn:aws:lambda:eu-west-1:123456789012:function:theirs")
    version = lambda_.Version.from_version_attributes(stack, "Version", lambda_=theirs, version="7")
    StreamingUrl(
        stack,
        "TheirUrl",
        alias=lambda_.Alias.from_alias_attributes(stack, "TheirAlias", alias_name="prod", alias_version=version),
    )
    Template.from_stack(stack)
