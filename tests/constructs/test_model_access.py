"""BedrockModelAccess: the stream action on the named models, profiles and guardrails, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, CfnParameter, Environment, Stack
from aws_cdk import aws_bedrock as bedrock
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Annotations, Match, Template

from constructs_pkg import BedrockModelAccess
from constructs_pkg.model_access import DESTINATION_REGIONS

if TYPE_CHECKING:
    from collections.abc import Callable

ACCOUNT = "123456789012"
IRELAND = Environment(account=ACCOUNT, region="eu-west-1")
STREAM = "bedrock:InvokeModelWithResponseStream"
NOVA = "amazon.nova-lite-v1:0"
APPLICATION = f"arn:aws:bedrock:eu-west-1:{ACCOUNT}:application-inference-profile/abc123"
GUARDRAIL = f"arn:aws:bedrock:eu-west-1:{ACCOUNT}:guardrail/abc123"


def role_in(stack: Stack) -> iam.Role:
    return iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))


def granted(stack: Stack, **parameters: Any) -> list[dict[str, Any]]:
    """The statements that a role gets; ARNs with the partition written out as `aws`."""
    BedrockModelAccess(stack, "Models", **parameters).grant_stream(role_in(stack))
    [policy] = Template.from_stack(stack).find_resources("AWS::IAM::Policy").values()
    statements: list[dict[str, Any]] = written_out(policy["Properties"]["PolicyDocument"]["Statement"])
    return statements


def written_out(value: Any) -> Any:
    known = {"AWS::Partition": "aws", "AWS::Region": "REGION", "AWS::AccountId": "ACCOUNT"}
    if isinstance(value, list):
        return [written_out(item) for item in value]
    if isinstance(value, dict) and list(value) == ["Ref"]:
        return known.get(value["Ref"], value)
    if isinstance(value, dict) and list(value) == ["Fn::Join"]:
        separator, parts = value["Fn::Join"]
        return separator.join(written_out(parts))
    return {name: written_out(item) for name, item in value.items()} if isinstance(value, dict) else value


def resources(statements: list[dict[str, Any]]) -> list[str]:
    found = [statement["Resource"] for statement in statements]
    return [arn for item in found for arn in ([item] if isinstance(item, str) else item)]


def model(region: str, name: str = NOVA) -> str:
    return f"arn:aws:bedrock:{region}::foundation-model/{name}"


def profile(name: str) -> str:
    return f"arn:aws:bedrock:eu-west-1:{ACCOUNT}:inference-profile/{name}"


# Foundation models


def test_it_grants_streaming_from_the_named_models_and_nothing_else(stack: Stack) -> None:
    assert granted(stack, model_ids=[NOVA]) == [{"Effect": "Allow", "Action": STREAM, "Resource": model("REGION")}]


def test_a_model_named_twice_is_granted_once(stack: Stack) -> None:
    models = BedrockModelAccess(stack, "Models", model_ids=[NOVA, NOVA])
    assert models.model_ids == (NOVA,)


def test_a_model_whose_name_has_dots_is_no_profile(make_stack: Callable[..., Stack]) -> None:
    assert resources(granted(make_stack(env=IRELAND), model_ids=["zai.glm-4.7"])) == [model("eu-west-1", "zai.glm-4.7")]


def test_an_id_known_only_at_deployment_is_a_foundation_model(stack: Stack) -> None:
    given = CfnParameter(stack, "Model").value_as_string
    BedrockModelAccess(stack, "Models", model_ids=[given]).grant_stream(role_in(stack))
    [policy] = Template.from_stack(stack).find_resources("AWS::IAM::Policy").values()
    assert {"Ref": "Model"} in policy["Properties"]["PolicyDocument"]["Statement"][0]["Resource"]["Fn::Join"][1]


@pytest.mark.parametrize("kind", ["provisioned-model/abc", "custom-model-deployment/abc", "imported-model/abc"])
def test_an_arn_of_a_model_of_your_own_is_granted_as_it_is(kind: str, make_stack: Callable[..., Stack]) -> None:
    arn = f"arn:aws:bedrock:eu-west-1:{ACCOUNT}:{kind}"
    assert resources(granted(make_stack(env=IRELAND), model_ids=[arn])) == [arn]


def test_an_arn_of_a_foundation_model_keeps_its_region(make_stack: Callable[..., Stack]) -> None:
    assert resources(granted(make_stack(env=IRELAND), model_ids=[model("us-east-1")])) == [model("us-east-1")]


# Inference profiles


def test_a_profile_of_a_geography_needs_itself_and_its_model_wherever_it_may_route_to(make_stack: Callable[..., Stack]) -> None:
    through, behind = granted(make_stack(env=IRELAND), model_ids=[f"eu.{NOVA}"])
    assert (through["Action"], through["Resource"]) == (STREAM, profile(f"eu.{NOVA}"))
    assert "Condition" not in through
    assert behind["Action"] == STREAM
    assert sorted(behind["Resource"]) == [model(region) for region in DESTINATION_REGIONS["eu"]]


def test_the_models_behind_a_profile_can_be_used_through_it_alone(make_stack: Callable[..., Stack]) -> None:
    _, behind = granted(make_stack(env=IRELAND), model_ids=[f"eu.{NOVA}"])
    assert behind["Condition"] == {"StringEquals": {"bedrock:InferenceProfileArn": profile(f"eu.{NOVA}")}}


def test_no_region_is_left_to_a_wildcard_unless_asked(make_stack: Callable[..., Stack]) -> None:
    ids = [f"{geography}.{NOVA}" for geography in [*DESTINATION_REGIONS, "global"]]
    assert not [arn for arn in resources(granted(make_stack(env=IRELAND), model_ids=ids)) if "*" in arn]


def test_any_region_can_be_asked_for(make_stack: Callable[..., Stack]) -> None:
    statements = granted(make_stack(env=IRELAND), model_ids=[f"eu.{NOVA}"], destination_regions={"eu": ["*"]})
    assert resources(statements) == [profile(f"eu.{NOVA}"), model("*")]


def test_destination_regions_can_be_named_for_a_geography_and_for_one_profile(make_stack: Callable[..., Stack]) -> None:
    statements = granted(
        make_stack(env=IRELAND),
        model_ids=[f"eu.{NOVA}", "eu.amazon.nova-pro-v1:0"],
        destination_regions={"eu": ["eu-west-1", "eu-west-3"], "eu.amazon.nova-pro-v1:0": ["eu-north-1"]},
    )
    assert set(resources(statements)) == {
        profile(f"eu.{NOVA}"),
        model("eu-west-1"),
        model("eu-west-3"),
        profile("eu.amazon.nova-pro-v1:0"),
        model("eu-west-1", "amazon.nova-pro-v1:0"),  # the region that calls is always asked for
        model("eu-north-1", "amazon.nova-pro-v1:0"),
    }


def test_in_an_agnostic_stack_the_region_of_the_deployment_is_among_them(stack: Stack) -> None:
    arns = resources(granted(stack, model_ids=[f"us.{NOVA}"]))
    assert f"arn:aws:bedrock:REGION:ACCOUNT:inference-profile/us.{NOVA}" in arns
    assert {arn for arn in arns if "foundation-model" in arn} == {
        model(region) for region in ("REGION", *DESTINATION_REGIONS["us"])
    }


def test_a_global_profile_needs_the_model_without_a_region_as_aws_documents(make_stack: Callable[..., Stack]) -> None:
    name = f"global.{NOVA}"
    through, here, anywhere = granted(make_stack(env=IRELAND), model_ids=[name])
    assert through["Resource"] == profile(name)
    assert here["Resource"] == model("eu-west-1")
    assert here["Condition"] == {"StringEquals": {"bedrock:InferenceProfileArn": profile(name)}}
    assert anywhere["Resource"] == model("")
    assert anywhere["Condition"] == {
        "StringEquals": {"bedrock:InferenceProfileArn": profile(name), "aws:RequestedRegion": "unspecified"}
    }


def test_a_profile_may_be_named_by_its_arn_in_another_region(make_stack: Callable[..., Stack]) -> None:
    arn = f"arn:aws:bedrock:us-west-2:{ACCOUNT}:inference-profile/us.{NOVA}"
    through, behind = granted(make_stack(env=IRELAND), model_ids=[arn])
    assert through["Resource"] == arn
    assert sorted(behind["Resource"]) == [model(region) for region in DESTINATION_REGIONS["us"]]


def test_a_geography_that_the_table_does_not_have_takes_the_regions_given(make_stack: Callable[..., Stack]) -> None:
    statements = granted(
        make_stack(env=Environment(account=ACCOUNT, region="sa-east-1")),
        model_ids=[f"sa.{NOVA}"],
        destination_regions={"sa": ["sa-east-1", "sa-west-1"]},
    )
    assert sorted(statements[1]["Resource"]) == [model("sa-east-1"), model("sa-west-1")]


def test_a_profile_of_another_geography_is_warned_of(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(env=IRELAND)
    BedrockModelAccess(stack, "Models", model_ids=[f"us.{NOVA}"])
    Annotations.from_stack(stack).has_warning("/TestStack/Models", Match.string_like_regexp("this stack is in eu-west-1"))


@pytest.mark.parametrize("name", [f"eu.{NOVA}", f"global.{NOVA}", NOVA])
def test_a_profile_of_its_own_geography_is_not_warned_of(name: str, make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(env=IRELAND)
    BedrockModelAccess(stack, "Models", model_ids=[name])
    Annotations.from_stack(stack).has_no_warning("*", Match.any_value())


# Application inference profiles


def test_an_application_profile_of_a_model_needs_itself_and_the_model_through_it(make_stack: Callable[..., Stack]) -> None:
    through, behind = granted(make_stack(env=IRELAND), application_profiles={APPLICATION: NOVA})
    assert through["Resource"] == APPLICATION
    assert behind["Resource"] == model("eu-west-1")
    assert behind["Condition"] == {"StringEquals": {"bedrock:InferenceProfileArn": APPLICATION}}


def test_an_application_profile_across_regions_reaches_every_one_of_them_through_it(make_stack: Callable[..., Stack]) -> None:
    statements = granted(make_stack(env=IRELAND), application_profiles={APPLICATION: f"eu.{NOVA}"})
    assert set(resources(statements)) == {
        APPLICATION,
        profile(f"eu.{NOVA}"),
        *(model(region) for region in DESTINATION_REGIONS["eu"]),
    }
    for statement in statements:
        if statement["Resource"] != APPLICATION:
            assert statement["Condition"] == {"StringEquals": {"bedrock:InferenceProfileArn": APPLICATION}}


def test_an_application_profile_of_this_app_can_be_named(stack: Stack) -> None:
    made = bedrock.CfnApplicationInferenceProfile(
        stack,
        "Profile",
        inference_profile_name="chat",
        model_source=bedrock.CfnApplicationInferenceProfile.InferenceProfileModelSourceProperty(copy_from=model("eu-west-1")),
    )
    arn = made.attr_inference_profile_arn
    through, _ = granted(stack, application_profiles={arn: NOVA})
    assert through["Resource"] == stack.resolve(arn)


def test_what_a_function_may_ask_for_is_listed_in_order(make_stack: Callable[..., Stack]) -> None:
    models = BedrockModelAccess(make_stack(), "Models", model_ids=[f"eu.{NOVA}", NOVA], application_profiles={APPLICATION: NOVA})
    assert models.model_ids == (f"eu.{NOVA}", NOVA, APPLICATION)


# Guardrails


def test_a_guardrail_may_be_applied_and_nothing_else(make_stack: Callable[..., Stack]) -> None:
    _, statement = granted(make_stack(env=IRELAND), model_ids=[NOVA], guardrails=[GUARDRAIL])
    assert statement == {"Effect": "Allow", "Action": "bedrock:ApplyGuardrail", "Resource": GUARDRAIL}


def test_a_guardrail_across_regions_needs_its_profile_in_each(make_stack: Callable[..., Stack]) -> None:
    statements = granted(
        make_stack(env=IRELAND),
        model_ids=[NOVA],
        guardrails=[GUARDRAIL],
        guardrail_profiles=["eu.guardrail.v1:0"],
        destination_regions={"eu": ["eu-west-1", "eu-west-3"]},
    )
    assert set(resources(statements)[1:]) == {
        GUARDRAIL,
        f"arn:aws:bedrock:eu-west-1:{ACCOUNT}:guardrail-profile/eu.guardrail.v1:0",
        f"arn:aws:bedrock:eu-west-3:{ACCOUNT}:guardrail-profile/eu.guardrail.v1:0",
    }


def test_a_guardrail_of_this_app_can_be_named(stack: Stack) -> None:
    made = bedrock.CfnGuardrail(stack, "Guardrail", name="chat", blocked_input_messaging="No.", blocked_outputs_messaging="No.")
    statements = granted(stack, model_ids=[NOVA], guardrails=[made.attr_guardrail_arn])
    assert statements[1]["Resource"] == stack.resolve(made.attr_guardrail_arn)


# To whom


def test_a_function_of_another_stack_can_be_granted_to(flags: dict[str, Any]) -> None:
    app = App(builtin_cloud_formation_validation=False, tree_metadata=False, context=flags)
    there = Stack(app, "There", env=IRELAND)
    models = BedrockModelAccess(Stack(app, "Here", env=IRELAND), "Models", model_ids=[f"eu.{NOVA}"])
    assert models.grant_stream(role_in(there)).success
    Template.from_stack(there).resource_count_is("AWS::IAM::Policy", 1)


def test_all_grants_are_returned_as_one(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(env=IRELAND)
    grant = BedrockModelAccess(stack, "Models", model_ids=[NOVA, f"eu.{NOVA}"]).grant_stream(role_in(stack))
    assert len(grant.principal_statements) == 3


# What it refuses


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({}, "MODEL_NONE"),
        ({"model_ids": []}, "MODEL_NONE"),
        ({"guardrails": [GUARDRAIL]}, "MODEL_NONE"),
        ({"model_ids": ["*"]}, "MODEL_ID"),
        ({"model_ids": ["nova lite"]}, "MODEL_ID"),
        ({"model_ids": ["nova"]}, "MODEL_ID"),
        ({"model_ids": [APPLICATION]}, "MODEL_PROFILE_SOURCE"),
        ({"application_profiles": {NOVA: NOVA}}, "MODEL_PROFILE_SOURCE"),
        ({"application_profiles": {APPLICATION: APPLICATION}}, "MODEL_PROFILE_SOURCE"),
        ({"application_profiles": {APPLICATION: "*"}}, "MODEL_ID"),
        ({"model_ids": [f"sa.{NOVA}"]}, "MODEL_REGIONS"),
        ({"model_ids": [f"eu.{NOVA}"], "destination_regions": {"us": ["us-east-1"]}}, "MODEL_REGIONS"),
        ({"model_ids": [NOVA], "destination_regions": {"eu": ["eu-west-1"]}}, "MODEL_REGIONS"),
        ({"model_ids": [f"eu.{NOVA}"], "destination_regions": {"eu": []}}, "MODEL_REGIONS"),
        ({"model_ids": [f"eu.{NOVA}"], "destination_regions": {"eu": "*"}}, "MODEL_REGIONS"),
        ({"model_ids": [f"eu.{NOVA}"], "destination_regions": {"eu": ["Ireland"]}}, "MODEL_REGIONS"),
        ({"model_ids": [NOVA], "guardrails": ["abc123"]}, "MODEL_GUARDRAIL"),
        ({"model_ids": [NOVA], "guardrails": [GUARDRAIL.replace("abc123", "*")]}, "MODEL_GUARDRAIL"),
        ({"model_ids": [NOVA], "guardrail_profiles": ["eu.guardrail.v1:0"]}, "MODEL_GUARDRAIL"),
        ({"model_ids": [NOVA], "guardrails": [GUARDRAIL], "guardrail_profiles": ["eu"]}, "MODEL_GUARDRAIL"),
    ],
)
def test_what_could_not_be_granted_is_refused(parameters: dict[str, Any], code: str, make_stack: Callable[..., Stack]) -> None:
    with pytest.raises(ValueError, match=f"^{code}: "):
        BedrockModelAccess(make_stack(), "Models", **parameters)
