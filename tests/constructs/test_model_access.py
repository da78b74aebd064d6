"""BedrockModelAccess: the stream action, on the named models alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template

from constructs_pkg import BedrockModelAccess

if TYPE_CHECKING:
    from collections.abc import Callable


def test_it_grants_streaming_from_the_named_models_and_nothing_else(stack: Stack) -> None:
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    BedrockModelAccess(stack, "Models", model_ids=["amazon.nova-lite-v1:0"]).grant_stream(role)
    [policy] = Template.from_stack(stack).find_resources("AWS::IAM::Policy").values()
    [statement] = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Action"] == "bedrock:InvokeModelWithResponseStream"
    assert statement["Resource"] == {
        "Fn::Join": [
            "",
            [
                "arn:",
                {"Ref": "AWS::Partition"},
                ":bedrock:",
                {"Ref": "AWS::Region"},
                "::foundation-model/amazon.nova-lite-v1:0",
            ],
        ]
    }


def test_a_model_named_twice_is_granted_once(stack: Stack) -> None:
    models = BedrockModelAccess(stack, "Models", model_ids=["amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"])
    assert models.model_ids == ("amazon.nova-lite-v1:0",)


@pytest.mark.parametrize(
    ("model_ids", "code"),
    [([], "MODEL_NONE"), (["*"], "MODEL_ID"), (["nova lite"], "MODEL_ID"), (["eu.amazon.nova-lite-v1:0"], "MODEL_IS_PROFILE")],
)
def test_what_is_no_model_is_refused(model_ids: list[str], code: str, make_stack: Callable[..., Stack]) -> None:
    with pytest.raises(ValueError, match=f"^{code}: "):
        BedrockModelAccess(make_stack(), "Models", model_ids=model_ids)
