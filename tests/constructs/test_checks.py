"""StreamingChecks as a plugin of the synthesis: what it fails, what it reports, and how a finding is acknowledged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Acknowledgment, App, Duration, Environment, Stack, Stage, Validations
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs

from constructs_pkg import ProvisionedConcurrency, StreamingCode, StreamingFunction
from constructs_pkg._checks import CODES, StreamingApp, check
from constructs_pkg.assembly import CloudAssembly
from constructs_pkg.checks import StreamingChecks
from constructs_pkg.defaults import StreamingDefaults
from constructs_pkg.distribution import StreamingDistribution
from constructs_pkg.rest_api import StreamingRestApi
from stacks.chat.stack import ChatStack

from .conftest import FLAGS

if TYPE_CHECKING:
    from constructs import Construct

NODE = "exports.handler = awslambda.streamifyResponse(async () => {})"


def make_app(outdir: Path, *, flags: dict[str, Any] | None = None, checks: StreamingChecks | None = None) -> App:
    app = App(
        builtin_cloud_formation_validation=False,
        tree_metadata=False,
        context=FLAGS if flags is None else flags,
        outdir=str(outdir),
    )
    Validations.of(app).add_plugins(checks or StreamingChecks())
    return app


@pytest.fixture
def app(tmp_path: Path) -> App:
    return make_app(tmp_path / "cdk.out")


def function(scope: Construct, code: str = NODE, **properties: Any) -> lambda_.Function:
    given = {"runtime": lambda_.Runtime.NODEJS_24_X, "timeout": Duration.seconds(60), "memory_size": 256, **properties}
    return lambda_.Function(scope, "Plain", code=lambda_.Code.from_inline(code), handler="index.handler", **given)


def public_url(function: lambda_.Function) -> lambda_.FunctionUrl:
    return function.add_function_url(auth_type=lambda_.FunctionUrlAuthType.NONE, invoke_mode=lambda_.InvokeMode.RESPONSE_STREAM)


def report(app: App) -> list[dict[str, Any]]:
    """What the plugin reported, from the file that CDK writes of it."""
    found = json.loads((Path(app.outdir) / "validation-report.json").read_text())
    [plugin] = [plugin for plugin in found["pluginReports"] if plugin["pluginName"] == "StreamingChecks"]
    violations: list[dict[str, Any]] = plugin["violations"]
    return violations


def test_a_finding_fails_the_synthesis_with_code_path_and_mend(app: App) -> None:
    public_url(function(Stack(app, "App")))
    with pytest.raises(RuntimeError) as failure:
        app.synth()
    text = str(failure.value)
    for part in ("PUBLIC_URL", "App/Plain/FunctionUrl", "everyone who learns its address may call it", "Use AWS_IAM"):
        assert part in text


def test_an_app_that_is_right_is_synthesized(app: App, entry: Path) -> None:
    stack = Stack(app, "App")
    chat = StreamingFunction(stack, "Chat", code=StreamingCode.python(entry))
    chat.grant_invoke_url(iam.Role(stack, "Caller", assumed_by=iam.AccountRootPrincipal()))
    chat.grant_invoke_url(iam.AccountPrincipal("210987654321"))
    app.synth()


@pytest.mark.parametrize("flags", [FLAGS, {}], ids=["recommended flags", "no flags"])
@pytest.mark.parametrize("region", [None, "eu-west-1"])
def test_the_chat_stack_has_no_finding(flags: dict[str, Any], region: str | None, tmp_path: Path) -> None:
    app = make_app(tmp_path / "cdk.out", flags=flags)
    ChatStack(app, "ChatStack", env=Environment(region=region) if region else None, model_ids=["amazon.nova-lite-v1:0"])
    app.synth()
    found = check(CloudAssembly.load(tmp_path / "cdk.out"))
    assert found.findings == ()
    assert found.unread == ()


@pytest.fixture
def whole(tmp_path: Path, entry: Path, flags: dict[str, Any]) -> tuple[App, StreamingFunction, StreamingDistribution]:
    """An app with everything of ours that stands on a path to a function."""
    app = make_app(tmp_path / "cdk.out", flags=flags)
    stack = Stack(app, "App", env=Environment(account="123456789012", region="us-east-1"))
    concurrency = ProvisionedConcurrency.tracking(min_capacity=2, max_capacity=20)
    chat = StreamingFunction(
        stack, "Chat", code=StreamingCode.python(entry), concurrency=concurrency, reserved_concurrent_executions=50
    )
    distribution = StreamingDistribution(stack, "Cdn", url=chat.url)
    StreamingRestApi(stack, "Rest", alias=chat.alias)
    chat.grant_invoke_url(iam.ServicePrincipal("events.amazonaws.com"), source_account="123456789012")
    chat.grant_invoke_url(iam.OrganizationPrincipal("o-1234567890"))
    return app, chat, distribution


def test_constructs_of_ours_together_have_no_finding(
    whole: tuple[App, StreamingFunction, StreamingDistribution], tmp_path: Path
) -> None:
    whole[0].synth()
    seen = StreamingApp(CloudAssembly.load(tmp_path / "cdk.out"))
    assert len(seen.origins) == 1
    assert [endpoint.is_url for endpoint in seen.endpoints if endpoint.streams].count(False) >= 1
    assert [alias.is_warm for alias in seen.aliases] == [True]
    assert check(seen.assembly).findings == ()
    assert seen.unread == {}


def test_what_an_escape_hatch_breaks_is_found(whole: tuple[App, StreamingFunction, StreamingDistribution]) -> None:
    app, chat, distribution = whole
    resource = distribution.distribution.node.default_child
    assert isinstance(resource, cloudfront.CfnDistribution)
    path = "DistributionConfig.Origins.0.CustomOriginConfig.OriginReadTimeout"
    resource.add_property_override(path, 15)
    url = chat.url.function_url.node.default_child
    assert isinstance(url, lambda_.CfnUrl)
    url.qualifier = None
    with pytest.raises(RuntimeError) as failure:
        app.synth()
    assert {violation["ruleName"] for violation in report(app)} == {"HEARTBEAT_TOO_SLOW", "ENDPOINT_MISSES_WARM_ALIAS"}
    assert "and App/Cdn/Distribution with it" in str(failure.value)


def test_what_is_only_doubtful_is_reported_and_fails_nothing(app: App) -> None:
    plain = function(Stack(app, "App"), code="exports.handler = f")
    plain.add_function_url(invoke_mode=lambda_.InvokeMode.RESPONSE_STREAM)
    app.synth()
    [violation] = report(app)
    assert (violation["ruleName"], violation["severity"]) == ("NODE_BUFFERS", "warning")
    assert violation["violatingConstructs"][0]["constructPath"] == "App/Plain"


def test_a_finding_is_acknowledged_on_its_construct_by_cdks_own_means(app: App) -> None:
    plain = function(Stack(app, "App"))
    public_url(plain)
    Validations.of(plain).acknowledge(Acknowledgment(id="StreamingChecks::PUBLIC_URL", reason="a demo for everyone"))
    app.synth()
    assert check(CloudAssembly.load(Path(app.outdir))).findings == ()


def test_a_finding_is_acknowledged_by_the_plugins_parameter(tmp_path: Path) -> None:
    app = make_app(tmp_path / "cdk.out", checks=StreamingChecks(acknowledge={"PUBLIC_URL:App/Plain": "a demo for everyone"}))
    public_url(function(Stack(app, "App")))
    app.synth()


@pytest.mark.parametrize(
    ("acknowledge", "code"),
    [
        ({"PUBLIC_URL": "why"}, "ACKNOWLEDGEMENT_FORM"),
        ({"NO_CODE:App": "why"}, "ACKNOWLEDGEMENT_CODE"),
        ({"PUBLIC_URL:App": " "}, "ACKNOWLEDGEMENT_REASON"),
    ],
)
def test_an_acknowledgement_that_is_none_is_refused(acknowledge: dict[str, str], code: str) -> None:
    with pytest.raises(ValueError, match=f"^{code}: "):
        StreamingChecks(acknowledge=acknowledge)


def test_a_url_that_is_public_on_purpose_says_so_in_its_metadata(app: App) -> None:
    url = public_url(function(Stack(app, "App")))
    resource = url.node.default_child
    assert isinstance(resource, lambda_.CfnUrl)
    resource.add_metadata("streaming-lambda:public-url", "a demo for everyone")
    app.synth()


def test_stacks_of_stages_and_across_stacks_are_looked_at(app: App) -> None:
    stage = Stage(app, "Prod", env=Environment(account="123456789012", region="us-east-1"))
    plain = function(Stack(stage, "Back"), function_name="chat")
    role = iam.Role(Stack(stage, "Front"), "Caller", assumed_by=iam.AccountRootPrincipal())
    plain.add_function_url(invoke_mode=lambda_.InvokeMode.RESPONSE_STREAM)
    role.add_to_policy(iam.PolicyStatement(actions=["lambda:InvokeFunctionUrl"], resources=[plain.function_arn]))
    with pytest.raises(RuntimeError, match="HALF_OF_INVOKE_URL"):
        app.synth()


def test_a_plugin_on_a_stage_speaks_of_that_stage_alone(tmp_path: Path) -> None:
    app = App(builtin_cloud_formation_validation=False, tree_metadata=False, outdir=str(tmp_path / "cdk.out"))
    beta, prod = Stage(app, "Beta"), Stage(app, "Prod")
    Validations.of(prod).add_plugins(StreamingChecks())
    public_url(function(Stack(beta, "App")))
    plain = function(Stack(prod, "App"))
    plain.add_function_url(invoke_mode=lambda_.InvokeMode.RESPONSE_STREAM)
    app.synth()


def test_the_plugin_names_itself_and_its_rules() -> None:
    checks = StreamingChecks()
    assert checks.name == "StreamingChecks"
    assert checks.version.count(".") == 2
    assert set(checks.rule_ids) == {*CODES, "DEFAULT_NOT_KEPT"}


# Defaults


def defaults_findings(app: App) -> list[str]:
    try:
        app.synth()
    except RuntimeError:
        return sorted(violation["ruleMetadata"]["location"] for violation in report(app))
    return []


def test_functions_of_ours_keep_the_defaults(app: App, entry: Path) -> None:
    StreamingDefaults.set(app, log_group_retention=logs.RetentionDays.ONE_MONTH, memory_size=1024)
    StreamingFunction(Stack(app, "App"), "Chat", code=StreamingCode.python(entry))
    assert defaults_findings(app) == []


@pytest.mark.parametrize(
    ("defaults", "locations"),
    [
        ({"memory_size": 2048}, ["Properties.MemorySize"]),
        ({"timeout": Duration.minutes(2)}, ["Properties.Timeout"]),
        ({"architecture": lambda_.Architecture.ARM_64}, ["Properties.Architectures"]),
        ({"log_group_retention": logs.RetentionDays.ONE_WEEK}, ["Properties.LoggingConfig.LogGroup"]),
        ({"log_group_retention": logs.RetentionDays.INFINITE}, ["Properties.LoggingConfig.LogGroup"]),
        ({"memory_size": 512, "timeout": Duration.seconds(60), "architecture": lambda_.Architecture.X86_64}, []),
    ],
)
def test_a_plain_function_that_streams_has_to_keep_the_defaults(app: App, defaults: dict[str, Any], locations: list[str]) -> None:
    StreamingDefaults.set(app, **defaults)
    stack = Stack(app, "App")
    group = logs.LogGroup(stack, "Logs", retention=logs.RetentionDays.ONE_YEAR)
    function(stack, memory_size=512, log_group=group).add_function_url(invoke_mode=lambda_.InvokeMode.RESPONSE_STREAM)
    assert defaults_findings(app) == locations


def test_the_encryption_key_of_the_defaults_has_to_be_used(app: App) -> None:
    stack = Stack(app, "App")
    key = kms.Key(stack, "Key")
    StreamingDefaults.set(stack, encryption_key=key)
    function(stack).add_function_url(invoke_mode=lambda_.InvokeMode.RESPONSE_STREAM)
    assert defaults_findings(app) == ["Properties.KmsKeyArn"]


def test_functions_that_do_not_stream_are_left_alone(app: App) -> None:
    StreamingDefaults.set(app, memory_size=2048)
    function(Stack(app, "App"))
    assert defaults_findings(app) == []


def test_an_override_is_acknowledged_with_its_reason(tmp_path: Path) -> None:
    acknowledge = {"DEFAULT_NOT_KEPT:App/Plain": "a small one"}
    app = make_app(tmp_path / "cdk.out", checks=StreamingChecks(acknowledge=acknowledge))
    StreamingDefaults.set(app, memory_size=2048)
    function(Stack(app, "App")).add_function_url(invoke_mode=lambda_.InvokeMode.RESPONSE_STREAM)
    assert defaults_findings(app) == []


def test_defaults_need_not_be_enforced(tmp_path: Path) -> None:
    app = make_app(tmp_path / "cdk.out", checks=StreamingChecks(enforce_defaults=False))
    StreamingDefaults.set(app, memory_size=2048)
    function(Stack(app, "App")).add_function_url(invoke_mode=lambda_.InvokeMode.RESPONSE_STREAM)
    assert defaults_findings(app) == []
