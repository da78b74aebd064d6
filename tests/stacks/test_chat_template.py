"""The chat stack's template: one reviewed snapshot, and the promises that matter most said by name."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App
from aws_cdk.assertions import Template

from stacks import costs
from stacks.chat import cost, guardrail
from stacks.chat.stack import TOKEN_HEADER, ChatStack
from tests.stacks.conftest import synthesize
from tests.stacks.pages import assert_shows
from tests.stacks.snapshot import assert_matches_snapshot

if TYPE_CHECKING:
    from tests.stacks.conftest import Synthesized

ROOT = Path(__file__).parents[2]


def of_type(template: dict[str, Any], type: str) -> list[dict[str, Any]]:
    return [resource["Properties"] for resource in template["Resources"].values() if resource["Type"] == type]


def chat_function(template: dict[str, Any]) -> dict[str, Any]:
    """The one that streams: CDK has one of its own in the stack, which copies the page at a deployment."""
    [found] = [found for found in of_type(template, "AWS::Lambda::Function") if "MODEL_IDS" in found["Environment"]["Variables"]]
    return found


def distribution(template: dict[str, Any], of: str) -> dict[str, Any]:
    [found] = [
        resource["Properties"]["DistributionConfig"]
        for id, resource in template["Resources"].items()
        if resource["Type"] == "AWS::CloudFront::Distribution" and id.startswith(of)
    ]
    return dict(found)


def lint(directory: Path) -> str:
    """What cfn-lint says of all templates of an assembly."""
    command = [str(Path(sys.executable).parent / "cfn-lint"), *map(str, directory.glob("*.template.json"))]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, cwd=ROOT).stdout


def test_the_template_is_the_reviewed_one(chat: Synthesized) -> None:
    assert_matches_snapshot("ChatStack", chat.template)


def test_the_execution_role_may_stream_from_the_named_models_log_and_trace_and_nothing_else(chat: Synthesized) -> None:
    [policy] = [
        found["PolicyDocument"] for found in of_type(chat.template, "AWS::IAM::Policy") if "ChatRole" in str(found["Roles"])
    ]
    in_the_role = [
        inline["PolicyDocument"] for role in of_type(chat.template, "AWS::IAM::Role") for inline in role.get("Policies", [])
    ]
    actions = {
        action
        for document in (policy, *in_the_role)
        for statement in document["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }
    assert actions == {
        "bedrock:ApplyGuardrail",
        "bedrock:InvokeModelWithResponseStream",
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }
    everything = [
        statement["Action"]
        for document in (policy, *in_the_role)
        for statement in document["Statement"]
        if statement["Resource"] == "*"
    ]
    assert [sorted(actions) for actions in everything] == [["xray:PutTelemetryRecords", "xray:PutTraceSegments"]]
    managed = [
        id
        for id, found in chat.template["Resources"].items()
        if found["Type"] == "AWS::IAM::Role" and found["Properties"].get("ManagedPolicyArns")
    ]
    assert [id.startswith("CustomCDKBucketDeployment") for id in managed] == [True], "CDK's own, which copies the page"


@pytest.mark.parametrize("role", ["Caller", "IdentityRole"])
def test_services_and_people_who_signed_in_may_call_the_alias_and_nothing_else(role: str, chat: Synthesized) -> None:
    [policy] = [found for found in of_type(chat.template, "AWS::IAM::Policy") if role in str(found["Roles"])]
    statements = policy["PolicyDocument"]["Statement"]
    assert sorted(statement["Action"] for statement in statements) == ["lambda:InvokeFunction", "lambda:InvokeFunctionUrl"]
    assert all("ChatAlias" in str(statement["Resource"]) and "*" not in str(statement["Resource"]) for statement in statements)


def test_guests_may_not_call(chat: Synthesized) -> None:
    [pool] = of_type(chat.template, "AWS::Cognito::IdentityPool")
    assert pool["AllowUnauthenticatedIdentities"] is False


def test_warm_environments_follow_the_traffic_on_the_alias_that_the_url_reaches(chat: Synthesized) -> None:
    [target] = of_type(chat.template, "AWS::ApplicationAutoScaling::ScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 10)
    [alias] = of_type(chat.template, "AWS::Lambda::Alias")
    assert "ProvisionedConcurrencyConfig" not in alias, "a fixed number beside a moving one"
    [url] = of_type(chat.template, "AWS::Lambda::Url")
    assert (url["Qualifier"], url["AuthType"], url["InvokeMode"]) == (alias["Name"], "AWS_IAM", "RESPONSE_STREAM")


def test_a_page_may_send_what_resuming_cancelling_and_signing_in_need(chat: Synthesized) -> None:
    [url] = of_type(chat.template, "AWS::Lambda::Url")
    cors = url["Cors"]
    assert {"last-event-id", "x-stream-id", "x-authorization", "x-amz-content-sha256"} <= set(cors["AllowHeaders"])
    assert (cors["AllowOrigins"], cors["AllowMethods"]) == (["*"], ["GET", "POST", "DELETE"])
    assert not cors.get("AllowCredentials")
    assert TOKEN_HEADER in (ROOT / "stacks/chat/handler/people.py").read_text()


def test_the_function_has_its_store_its_guardrail_and_its_user_pool(chat: Synthesized) -> None:
    variables = chat_function(chat.template)["Environment"]["Variables"]
    ids = {
        type: id
        for id, resource in chat.template["Resources"].items()
        for type in [resource["Type"]]
        if type in ("AWS::DynamoDB::Table", "AWS::Bedrock::Guardrail", "AWS::Bedrock::GuardrailVersion", "AWS::Cognito::UserPool")
    }
    assert variables["STREAM_STORE_TABLE"] == {"Ref": ids["AWS::DynamoDB::Table"]}
    assert variables["STREAM_STORE_STREAMS_PER_CALLER"] == "10"
    assert variables["GUARDRAIL_ARN"] == {"Fn::GetAtt": [ids["AWS::Bedrock::Guardrail"], "GuardrailArn"]}
    assert variables["GUARDRAIL_VERSION"] == {"Fn::GetAtt": [ids["AWS::Bedrock::GuardrailVersion"], "Version"]}
    assert variables["USER_POOL_ID"] == {"Ref": ids["AWS::Cognito::UserPool"]}
    assert variables["TRUSTED_ACCOUNT"] == {"Ref": "AWS::AccountId"}


def test_the_guardrail_blocks_harm_and_attacks_and_masks_secrets(chat: Synthesized) -> None:
    [guardrail] = of_type(chat.template, "AWS::Bedrock::Guardrail")
    filters = {found["Type"]: found for found in guardrail["ContentPolicyConfig"]["FiltersConfig"]}
    assert set(filters) == {"SEXUAL", "HATE", "VIOLENCE", "INSULTS", "MISCONDUCT", "PROMPT_ATTACK"}
    assert (filters["PROMPT_ATTACK"]["InputStrength"], filters["PROMPT_ATTACK"]["OutputStrength"]) == ("HIGH", "NONE")
    entities = guardrail["SensitiveInformationPolicyConfig"]["PiiEntitiesConfig"]
    assert {(found["Type"], found["Action"]) for found in entities} == {
        (type, "ANONYMIZE") for type in ("CREDIT_DEBIT_CARD_NUMBER", "AWS_ACCESS_KEY", "AWS_SECRET_KEY", "PASSWORD")
    }


def test_another_policy_is_another_version_and_a_rollback_finds_the_old_one(
    chat: Synthesized, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(guardrail._STRENGTHS, "INSULTS", "LOW")
    changed = synthesize(tmp_path, ChatStack)
    [before], [after] = (of_type(found.template, "AWS::Bedrock::GuardrailVersion") for found in (chat, changed))
    assert before["Description"] != after["Description"], "CloudFormation makes a new version where the description changes"
    [version] = [found for found in chat.template["Resources"].values() if found["Type"] == "AWS::Bedrock::GuardrailVersion"]
    assert (version["UpdateReplacePolicy"], version["DeletionPolicy"]) == ("Retain", "Delete")


def test_cloudfront_stands_in_front_with_a_firewall_and_both_permissions_for_itself_alone(chat: Synthesized) -> None:
    [web_acl] = [id for id, found in chat.template["Resources"].items() if found["Type"] == "AWS::WAFv2::WebACL"]
    assert distribution(chat.template, "Front")["WebACLId"] == {"Fn::GetAtt": [web_acl, "Arn"]}
    permissions = [found for found in of_type(chat.template, "AWS::Lambda::Permission") if "cloudfront" in found["Principal"]]
    assert {found["Action"] for found in permissions} == {"lambda:InvokeFunction", "lambda:InvokeFunctionUrl"}
    assert all("SourceArn" in found for found in permissions)


def test_people_who_signed_in_come_back_to_the_page_with_a_code(chat: Synthesized) -> None:
    [client] = of_type(chat.template, "AWS::Cognito::UserPoolClient")
    [page] = [
        id
        for id, found in chat.template["Resources"].items()
        if id.startswith("PageDistribution") and "Distribution" in found["Type"]
    ]
    address = {"Fn::Join": ["", ["https://", {"Fn::GetAtt": [page, "DomainName"]}, "/"]]}
    assert (client["CallbackURLs"], client["LogoutURLs"]) == ([address], [address])
    assert client["AllowedOAuthFlows"] == ["code"]


def test_the_page_is_told_whom_to_call_and_may_call_nobody_else(chat: Synthesized) -> None:
    [deployment] = of_type(chat.template, "Custom::CDKBucketDeployment")
    _, html, config = deployment["SourceMarkers"]
    ids = {found["Type"]: id for id, found in chat.template["Resources"].items()}
    url = {"Fn::GetAtt": [ids["AWS::Lambda::Url"], "FunctionUrl"]}
    assert sorted(map(str, html.values())) == sorted(map(str, [url, {"Ref": ids["AWS::Cognito::UserPoolDomain"]}]))
    told = json.dumps(list(config.values()))
    for id in (
        *(ids[f"AWS::Cognito::{kind}"] for kind in ("UserPool", "UserPoolClient", "IdentityPool")),
        ids["AWS::Lambda::Url"],
    ):
        assert id in told


def test_the_sign_in_page_has_an_address_that_no_other_stack_has(chat: Synthesized) -> None:
    [domain] = of_type(chat.template, "AWS::Cognito::UserPoolDomain")
    assert "AWS::StackId" in json.dumps(domain["Domain"])


def test_elsewhere_the_firewall_is_made_in_us_east_1(tmp_path: Path) -> None:
    elsewhere = synthesize(tmp_path, ChatStack, region="eu-west-1")
    support = json.loads((elsewhere.directory / "ChatStack-us-east-1.template.json").read_text())
    assert [found["Properties"]["Scope"] for found in support["Resources"].values() if found["Type"] == "AWS::WAFv2::WebACL"] == [
        "CLOUDFRONT"
    ]
    assert not of_type(elsewhere.template, "AWS::WAFv2::WebACL")
    assert lint(elsewhere.directory) == ""


def test_context_values_change_the_stack(tmp_path: Path) -> None:
    existing = "arn:aws:bedrock:us-east-1:123456789012:guardrail/abc123def456"
    topic = "arn:aws:sns:us-east-1:123456789012:alarms"
    changed = synthesize(
        tmp_path,
        ChatStack,
        context={
            "chat:model-ids": "amazon.nova-pro-v1:0, amazon.nova-micro-v1:0",
            "chat:guardrail": f"{existing}:7",
            "chat:warm-environments": "2",
            "chat:most-warm-environments": "2",
            "chat:streams-per-caller": "3",
            "chat:origins": "https://a.example.com,https://b.example.com",
            "chat:alarm-topic": topic,
            "chat:sign-in-prefix": "our-chat",
        },
    )
    assert not of_type(changed.template, "AWS::Bedrock::Guardrail")
    assert not of_type(changed.template, "AWS::ApplicationAutoScaling::ScalableTarget")
    [alias] = of_type(changed.template, "AWS::Lambda::Alias")
    assert alias["ProvisionedConcurrencyConfig"] == {"ProvisionedConcurrentExecutions": 2}
    variables = chat_function(changed.template)["Environment"]["Variables"]
    assert variables["MODEL_IDS"] == "amazon.nova-pro-v1:0,amazon.nova-micro-v1:0"
    assert (variables["GUARDRAIL_ARN"], variables["GUARDRAIL_VERSION"]) == (existing, "7")
    assert variables["STREAM_STORE_STREAMS_PER_CALLER"] == "3"
    [url] = of_type(changed.template, "AWS::Lambda::Url")
    assert url["Cors"]["AllowOrigins"] == ["https://a.example.com", "https://b.example.com"]
    assert [found["Domain"] for found in of_type(changed.template, "AWS::Cognito::UserPoolDomain")] == ["our-chat"]
    assert all(found["AlarmActions"] == [topic] for found in of_type(changed.template, "AWS::CloudWatch::Alarm"))


def test_a_guardrail_can_be_declined_and_nothing_else_is_taken_for_one(tmp_path: Path) -> None:
    without = synthesize(tmp_path, ChatStack, guardrail="none")
    assert "bedrock:ApplyGuardrail" not in json.dumps(without.template)
    assert "GUARDRAIL_ARN" not in chat_function(without.template)["Environment"]["Variables"]
    with pytest.raises(ValueError, match="^GUARDRAIL: 'abc123' names no version of a guardrail"):
        ChatStack(App(), "Refused", guardrail="abc123")


def test_without_a_region_there_is_no_front_and_the_rest_stands() -> None:
    stack = ChatStack(App(), "Anywhere")
    assert stack.front is None
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::CloudFront::Distribution", 1)  # the page's
    template.resource_count_is("AWS::WAFv2::WebACL", 0)
    template.resource_count_is("AWS::Lambda::Url", 1)


def test_the_page_shows_what_the_template_costs(chat: Synthesized) -> None:
    assert_shows("chat", "streams", costs.table(cost.thousand_streams(chat.template)))
    assert_shows("chat", "month", costs.table(cost.month(chat.template)))


def test_the_cost_follows_the_template(chat: Synthesized) -> None:
    def dollars(template: dict[str, Any]) -> float:
        return sum(line.dollars for line in cost.thousand_streams(template))

    def without(type: str) -> dict[str, Any]:
        return {"Resources": {id: found for id, found in chat.template["Resources"].items() if found["Type"] != type}}

    # A question of 2000 characters and an answer of 1200 are two text units each, for either policy.
    assert dollars(chat.template) - dollars(without("AWS::Bedrock::Guardrail")) == pytest.approx(1000 * 4 * (0.15 + 0.10) / 1000)


def test_cfn_lint_finds_nothing(chat: Synthesized) -> None:
    assert lint(chat.directory) == ""


IMPORTED_AS = {"PyJWT": "jwt"}


def named_in(requirements: Path) -> set[str]:
    names = (line.partition("==")[0].strip() for line in requirements.read_text().splitlines())
    return {IMPORTED_AS.get(name, name.replace("-", "_")) for name in names}


def test_handlers_import_the_runtime_their_neighbours_and_their_own_requirements_alone() -> None:
    for handler in ROOT.glob("stacks/*/handler"):
        allowed = {"streaming_runtime", *sys.stdlib_module_names, *(path.stem for path in handler.glob("*.py"))}
        allowed |= {"boto3", "botocore"}  # Lambda ships them
        requirements = handler / "requirements.txt"
        if requirements.is_file():
            allowed |= named_in(requirements)
        for requirements in handler.parent.glob("packages/*.txt"):  # of which the stack installs one
            allowed |= named_in(requirements)
        for path in handler.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                names = (
                    [alias.name for alias in node.names]
                    if isinstance(node, ast.Import)
                    else [node.module or ""]
                    if isinstance(node, ast.ImportFrom)
                    else []
                )
                assert {name.split(".")[0] for name in names} <= allowed, f"{path}: {names}"
