"""StreamingFunction: what its template promises."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import CfnOutput, CfnParameter, Duration, Environment, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Annotations as AnnotationAssertions
from aws_cdk.assertions import Match, Template

from constructs_pkg import (
    AlarmThresholds,
    ProvisionedConcurrency,
    StreamingCode,
    StreamingDefaults,
    StreamingFunction,
    StreamLimits,
    StreamStore,
    TrafficShift,
)
from constructs_pkg import runtime_layer as runtime_layer_module
from tests.constructs.reading import only

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def build(stack: Stack, entry: Path, **parameters: Any) -> StreamingFunction:
    return StreamingFunction(stack, "Chat", code=StreamingCode.python(entry), **parameters)


def test_the_url_streams_asks_for_iam_and_reaches_the_alias(stack: Stack, entry: Path) -> None:
    build(stack, entry)
    template = Template.from_stack(stack)
    alias_id, alias = only(template.find_resources("AWS::Lambda::Alias"))
    assert alias["Name"] == "live"
    _, url = only(template.find_resources("AWS::Lambda::Url"))
    assert url["InvokeMode"] == "RESPONSE_STREAM"
    assert url["AuthType"] == "AWS_IAM"
    assert url["Qualifier"] == "live"
    template.has_resource("AWS::Lambda::Url", {"DependsOn": [alias_id]})


def test_the_alias_points_to_a_published_version(stack: Stack, entry: Path) -> None:
    build(stack, entry)
    template = Template.from_stack(stack)
    version_id, _ = only(template.find_resources("AWS::Lambda::Version"))
    _, alias = only(template.find_resources("AWS::Lambda::Alias"))
    assert alias["FunctionVersion"] == {"Fn::GetAtt": [version_id, "Version"]}


def test_provisioned_concurrency_sits_on_the_alias_that_the_url_calls(stack: Stack, entry: Path) -> None:
    build(stack, entry, concurrency=ProvisionedConcurrency.fixed(3))
    template = Template.from_stack(stack)
    _, alias = only(template.find_resources("AWS::Lambda::Alias"))
    _, url = only(template.find_resources("AWS::Lambda::Url"))
    assert alias["ProvisionedConcurrencyConfig"] == {"ProvisionedConcurrentExecutions": 3}
    assert url["Qualifier"] == alias["Name"]


def test_without_concurrency_nothing_is_kept_warm(stack: Stack, entry: Path) -> None:
    build(stack, entry)
    _, alias = only(Template.from_stack(stack).find_resources("AWS::Lambda::Alias"))
    assert "ProvisionedConcurrencyConfig" not in alias


def test_the_runtime_layer_and_its_wrapper_are_in_place(stack: Stack, entry: Path) -> None:
    build(stack, entry, environment={"MODEL": "x"})
    template = Template.from_stack(stack)
    layer_id, layer = only(template.find_resources("AWS::Lambda::LayerVersion"))
    assert set(layer["CompatibleArchitectures"]) == {"arm64", "x86_64"}
    _, function = only(template.find_resources("AWS::Lambda::Function"))
    assert function["Layers"] == [{"Ref": layer_id}]
    variables = function["Environment"]["Variables"]
    assert variables["AWS_LAMBDA_EXEC_WRAPPER"] == "/opt/streaming-wrapper"
    assert variables["STREAM_MAX_CHUNK_BYTES"] == "65536"
    assert variables["MODEL"] == "x"


def test_two_functions_of_a_stack_share_one_layer(stack: Stack, entry: Path) -> None:
    StreamingFunction(stack, "One", code=StreamingCode.python(entry))
    StreamingFunction(stack, "Two", code=StreamingCode.python(entry))
    Template.from_stack(stack).resource_count_is("AWS::Lambda::LayerVersion", 1)


def test_logs_are_json_with_the_records_that_carry_the_time_to_first_byte(stack: Stack, entry: Path) -> None:
    build(stack, entry)
    template = Template.from_stack(stack)
    group_id, group = only(template.find_resources("AWS::Logs::LogGroup"))
    assert group["RetentionInDays"] == 30
    _, function = only(template.find_resources("AWS::Lambda::Function"))
    assert function["LoggingConfig"] == {
        "LogFormat": "JSON",
        "ApplicationLogLevel": "INFO",
        "SystemLogLevel": "DEBUG",
        "LogGroup": {"Ref": group_id},
    }


def test_tracing_is_active(stack: Stack, entry: Path) -> None:
    build(stack, entry)
    Template.from_stack(stack).has_resource_properties("AWS::Lambda::Function", {"TracingConfig": {"Mode": "Active"}})


def test_defaults_are_the_documented_ones(stack: Stack, entry: Path) -> None:
    build(stack, entry)
    _, function = only(Template.from_stack(stack).find_resources("AWS::Lambda::Function"))
    assert (function["MemorySize"], function["Timeout"]) == (1024, 300)
    assert function["Architectures"] == ["arm64"]
    assert function["Runtime"] == "python3.13"
    assert "ReservedConcurrentExecutions" not in function
    assert "VpcConfig" not in function


def test_every_parameter_reaches_the_template(stack: Stack, entry: Path) -> None:
    key = kms.Key(stack, "Key")
    build(
        stack,
        entry,
        memory_size=2048,
        timeout=Duration.minutes(15),
        architecture=lambda_.Architecture.X86_64,
        environment={"A": "1"},
        description="What it is",
        auth_type=lambda_.FunctionUrlAuthType.NONE,
        cors=lambda_.FunctionUrlCorsOptions(allowed_origins=["https://example.com"], allow_credentials=True),
        reserved_concurrent_executions=9,
        limits=StreamLimits(heartbeat_seconds=5, max_duration_seconds=600),
        log_group_retention=logs.RetentionDays.ONE_WEEK,
        encryption_key=key,
    )
    template = Template.from_stack(stack)
    _, function = only(template.find_resources("AWS::Lambda::Function"))
    assert function["MemorySize"] == 2048
    assert function["Timeout"] == 900
    assert function["Architectures"] == ["x86_64"]
    assert function["Description"] == "What it is"
    assert function["ReservedConcurrentExecutions"] == 9
    key_id, _ = only(template.find_resources("AWS::KMS::Key"))
    assert function["KmsKeyArn"] == {"Fn::GetAtt": [key_id, "Arn"]}
    assert function["Environment"]["Variables"]["STREAM_HEARTBEAT_SECONDS"] == "5"
    assert function["Environment"]["Variables"]["STREAM_MAX_DURATION_SECONDS"] == "600"
    _, url = only(template.find_resources("AWS::Lambda::Url"))
    assert url["AuthType"] == "NONE"
    assert url["Cors"] == {"AllowOrigins": ["https://example.com"], "AllowMethods": ["*"], "AllowCredentials": True}
    _, group = only(template.find_resources("AWS::Logs::LogGroup"))
    assert group["RetentionInDays"] == 7
    assert "KmsKeyId" in group


def test_a_log_group_that_is_given_is_used(stack: Stack, entry: Path) -> None:
    group = logs.LogGroup(stack, "Mine", retention=logs.RetentionDays.ONE_YEAR)
    assert build(stack, entry, log_group=group).log_group is group
    Template.from_stack(stack).resource_count_is("AWS::Logs::LogGroup", 1)


def statement_for_logs(stack: Stack) -> dict[str, Any]:
    _, key = only(Template.from_stack(stack).find_resources("AWS::KMS::Key"))
    _, statement = key["KeyPolicy"]["Statement"]
    return dict(statement)


def test_cloudwatch_logs_may_use_the_key_of_the_log_group(make_stack: Callable[..., Stack], entry: Path) -> None:
    stack = make_stack(env=Environment(account="123456789012", region="eu-west-1"))
    build(stack, entry, encryption_key=kms.Key(stack, "Key"))
    statement = statement_for_logs(stack)
    assert statement["Principal"] == {"Service": "logs.eu-west-1.amazonaws.com"}
    assert set(statement["Action"]) == {
        "kms:Encrypt*",
        "kms:Decrypt*",
        "kms:ReEncrypt*",
        "kms:GenerateDataKey*",
        "kms:Describe*",
    }
    assert "eu-west-1:123456789012:log-group:*" in json.dumps(statement["Condition"]["ArnLike"])


def test_two_log_groups_of_one_key_are_permitted_once(stack: Stack, entry: Path) -> None:
    key = kms.Key(stack, "Key")
    for name in ("One", "Two"):
        StreamingFunction(stack, name, code=StreamingCode.python(entry), encryption_key=key)
    assert "AWS::Region" in json.dumps(statement_for_logs(stack)["Principal"])


@pytest.mark.parametrize("env", [None, Environment(account="123456789012", region="eu-west-1")])
def test_a_key_of_another_stack_does_not_wait_for_the_log_group(
    make_stack: Callable[..., Stack], entry: Path, env: Environment | None
) -> None:
    stack = make_stack(env=env)
    keys = Stack(stack.node.root, "Keys", env=env)  # type: ignore[arg-type]
    build(stack, entry, encryption_key=kms.Key(keys, "Key"))
    Template.from_stack(stack)  # which synthesizes the app, and would find a cycle
    assert "AWS::" not in json.dumps(statement_for_logs(keys)["Principal"]) or env is None
    assert keys.dependencies == []


def test_an_imported_key_is_used_as_it_is(stack: Stack, entry: Path) -> None:
    arn = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
    build(stack, entry, encryption_key=kms.Key.from_key_arn(stack, "Key", arn))
    Template.from_stack(stack).has_resource_properties("AWS::Logs::LogGroup", {"KmsKeyId": arn})


@pytest.mark.parametrize("log_class", [logs.LogGroupClass.INFREQUENT_ACCESS, logs.LogGroupClass.DELIVERY])
def test_a_log_group_that_takes_no_metric_filters_is_refused(stack: Stack, entry: Path, log_class: logs.LogGroupClass) -> None:
    group = logs.LogGroup(stack, "Mine", log_group_class=log_class)
    with pytest.raises(ValueError, match=f"^LOG_GROUP_CLASS: TestStack/Mine .*{log_class.name}.*STANDARD"):
        build(stack, entry, log_group=group)


def test_a_log_group_without_metric_filters_does_where_nothing_reads_them(stack: Stack, entry: Path) -> None:
    group = logs.LogGroup(stack, "Mine", log_group_class=logs.LogGroupClass.INFREQUENT_ACCESS)
    build(stack, entry, log_group=group, alarms=AlarmThresholds.disabled())


def version_id(make_stack: Callable[..., Stack], entry: Path, **parameters: Any) -> str:
    stack = make_stack()
    build(stack, entry, **parameters)
    return only(Template.from_stack(stack).find_resources("AWS::Lambda::Version"))[0]


def test_the_same_input_publishes_no_new_version(make_stack: Callable[..., Stack], entry: Path) -> None:
    assert version_id(make_stack, entry) == version_id(make_stack, entry)


def test_changed_code_publishes_a_new_version(make_stack: Callable[..., Stack], entry: Path) -> None:
    before = version_id(make_stack, entry)
    (entry / "index.py").write_text("def handler(event, context):\n    yield 'other'\n")
    assert version_id(make_stack, entry) != before


def test_a_changed_environment_publishes_a_new_version(make_stack: Callable[..., Stack], entry: Path) -> None:
    assert version_id(make_stack, entry) != version_id(make_stack, entry, environment={"A": "1"})


@pytest.mark.parametrize("recommended", [True, False])
def test_a_changed_layer_publishes_a_new_version(
    recommended: bool, make_stack: Callable[..., Stack], entry: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The flag recognizeLayerVersion is not ours to set in someone else's app (aws/aws-cdk#19098)."""
    layer = tmp_path / "layer"
    layer.mkdir()
    (layer / "streaming-wrapper").write_text("#!/bin/sh\n")
    (layer / "streaming-wrapper").chmod(0o755)
    monkeypatch.setattr(runtime_layer_module, "RUNTIME_LAYER_DIRECTORY", layer)
    given = {} if recommended else {"context": {}}

    def version() -> str:
        stack = make_stack(**given)
        build(stack, entry)
        return only(Template.from_stack(stack).find_resources("AWS::Lambda::Version"))[0]

    before = version()
    (layer / "streaming-wrapper").write_text("#!/bin/sh\necho changed\n")
    assert version() != before


def test_old_versions_stay_for_a_rollback(stack: Stack, entry: Path) -> None:
    build(stack, entry)
    Template.from_stack(stack).has_resource("AWS::Lambda::Version", {"DeletionPolicy": "Retain"})


def test_other_constructs_can_grant_to_it(stack: Stack, entry: Path) -> None:
    bucket = s3.Bucket(stack, "Bucket")
    bucket.grant_read(build(stack, entry))
    Template.from_stack(stack).has_resource_properties(
        "AWS::IAM::Policy",
        {"PolicyDocument": {"Statement": Match.array_with([Match.object_like({"Action": Match.array_with(["s3:GetObject*"])})])}},
    )


def test_it_can_be_connected_to_inside_a_vpc_and_warns_there(make_stack: Callable[..., Stack], entry: Path) -> None:
    stack = make_stack(env=Environment(account="123456789012", region="eu-west-1"))
    vpc = ec2.Vpc(stack, "Vpc", max_azs=1)
    function = build(stack, entry, vpc=vpc)
    assert len(function.connections.security_groups) == 1
    AnnotationAssertions.from_stack(stack).has_warning(
        "/TestStack/Chat", Match.string_like_regexp("do not stream for functions in a VPC")
    )


def test_outside_a_vpc_there_is_nothing_to_connect_to(stack: Stack, entry: Path) -> None:
    with pytest.raises(RuntimeError, match="Only VPC-associated"):
        _ = build(stack, entry).connections


def test_tokens_stand_in_for_numbers(stack: Stack, entry: Path) -> None:
    memory = CfnParameter(stack, "Memory", type="Number", default=1024)
    warm = CfnParameter(stack, "Warm", type="Number", default=2)
    seconds = CfnParameter(stack, "Seconds", type="Number", default=60)
    build(
        stack,
        entry,
        memory_size=memory.value_as_number,
        timeout=Duration.seconds(seconds.value_as_number),
        concurrency=ProvisionedConcurrency.fixed(warm.value_as_number),
        reserved_concurrent_executions=warm.value_as_number,
        alarms=AlarmThresholds(errors=warm.value_as_number),
    )
    template = Template.from_stack(stack)
    _, function = only(template.find_resources("AWS::Lambda::Function"))
    assert function["MemorySize"] == {"Ref": "Memory"}
    assert function["Timeout"] == {"Ref": "Seconds"}
    _, alias = only(template.find_resources("AWS::Lambda::Alias"))
    assert alias["ProvisionedConcurrencyConfig"] == {"ProvisionedConcurrentExecutions": {"Ref": "Warm"}}


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"timeout": Duration.seconds(901)}, "TIMEOUT_OUT_OF_RANGE"),
        ({"timeout": Duration.millis(500)}, "TIMEOUT_OUT_OF_RANGE"),
        ({"memory_size": 64}, "MEMORY_OUT_OF_RANGE"),
        ({"memory_size": 10_241}, "MEMORY_OUT_OF_RANGE"),
        ({"memory_size": 1024.5}, "MEMORY_OUT_OF_RANGE"),
        ({"reserved_concurrent_executions": -1}, "RESERVED_OUT_OF_RANGE"),
        ({"reserved_concurrent_executions": 2.5}, "RESERVED_OUT_OF_RANGE"),
        ({"environment": {"PROMPT": "x" * 4091}}, "ENVIRONMENT_TOO_LARGE"),
        ({"timeout": Duration.seconds(1)}, "DEADLINE_MARGIN_TOO_LONG"),
        ({"limits": StreamLimits(max_duration_seconds=301)}, "STREAM_LONGER_THAN_TIMEOUT"),
        ({"concurrency": ProvisionedConcurrency.fixed(5), "reserved_concurrent_executions": 4}, "PC_ABOVE_RESERVED"),
        (
            {"cors": lambda_.FunctionUrlCorsOptions(allowed_origins=["*"], allow_credentials=True)},
            "CORS_ANY_ORIGIN_WITH_CREDENTIALS",
        ),
    ],
)
def test_what_cannot_work_is_refused_by_code(
    parameters: dict[str, Any], code: str, make_stack: Callable[..., Stack], entry: Path
) -> None:
    with pytest.raises(ValueError, match=f"^{code}: "):
        build(make_stack(), entry, **parameters)


def test_a_log_group_and_a_retention_contradict_each_other(make_stack: Callable[..., Stack], entry: Path) -> None:
    stack = make_stack()
    with pytest.raises(ValueError, match="^LOG_GROUP_GIVEN_TWICE: "):
        build(stack, entry, log_group=logs.LogGroup(stack, "Mine"), log_group_retention=logs.RetentionDays.ONE_DAY)


def test_a_misspelt_parameter_is_a_type_error(make_stack: Callable[..., Stack], entry: Path) -> None:
    with pytest.raises(TypeError, match="memry_size"):
        build(make_stack(), entry, memry_size=512)


def test_it_makes_no_output_and_no_physical_name(stack: Stack, entry: Path) -> None:
    build(stack, entry, concurrency=ProvisionedConcurrency.fixed(1))
    template = Template.from_stack(stack).to_json()
    assert "Outputs" not in template
    named = [
        (logical_id, key)
        for logical_id, resource in template["Resources"].items()
        for key in ("FunctionName", "LogGroupName", "RoleName", "AlarmName", "LayerName")
        if resource["Type"] not in {"AWS::Lambda::Alias", "AWS::Lambda::Version", "AWS::Lambda::Permission"}
        and isinstance(resource.get("Properties", {}).get(key), str)
    ]
    assert named == []


def test_another_stack_can_use_its_url_and_its_grant(make_stack: Callable[..., Stack], entry: Path) -> None:
    stack = make_stack(env=Environment(account="123456789012", region="eu-west-1"))
    function = build(stack, entry)
    other = Stack(stack.node.scope, "Other", env=Environment(account="123456789012", region="eu-west-1"))
    role = iam.Role(other, "Caller", assumed_by=iam.AccountRootPrincipal())
    function.grant_invoke_url(role)
    CfnOutput(other, "Url", value=function.url.url)
    policies = Template.from_stack(other).find_resources("AWS::IAM::Policy")
    [policy] = policies.values()
    actions = {statement["Action"] for statement in policy["Properties"]["PolicyDocument"]["Statement"]}
    assert actions == {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}


def test_snap_start_is_the_other_way_to_short_cold_starts(stack: Stack, entry: Path) -> None:
    build(stack, entry, snap_start=True)
    Template.from_stack(stack).has_resource_properties("AWS::Lambda::Function", {"SnapStart": {"ApplyOn": "PublishedVersions"}})


@pytest.mark.parametrize(
    ("runtime", "parameters", "code"),
    [
        (lambda_.Runtime.PYTHON_3_13, {"concurrency": ProvisionedConcurrency.fixed(1)}, "PC_WITH_SNAPSTART"),
        (lambda_.Runtime.PYTHON_3_11, {}, "SNAPSTART_RUNTIME"),
    ],
)
def test_snap_start_is_refused_where_lambda_does_not_offer_it(
    runtime: lambda_.Runtime, parameters: dict[str, Any], code: str, make_stack: Callable[..., Stack], entry: Path
) -> None:
    with pytest.raises(ValueError, match=f"^{code}: "):
        StreamingFunction(make_stack(), "Chat", code=StreamingCode.python(entry, runtime=runtime), snap_start=True, **parameters)


def test_a_rollout_shifts_traffic_and_is_rolled_back_by_what_callers_feel(stack: Stack, entry: Path) -> None:
    function = build(stack, entry, rollout=TrafficShift.canary())
    _, group = only(Template.from_stack(stack).find_resources("AWS::CodeDeploy::DeploymentGroup"))
    watched = [stack.resolve(alarm.alarm_name) for alarm in function.alarms.felt]
    assert [alarm["Name"] for alarm in group["AlarmConfiguration"]["Alarms"]] == watched
    assert function.rollout is not None


def test_a_stream_store_gives_the_function_the_table_and_rights_on_it(stack: Stack, entry: Path) -> None:
    build(stack, entry, stream_store=StreamStore(stack, "Store"))
    template = Template.from_stack(stack)
    table_id, _ = only(template.find_resources("AWS::DynamoDB::Table"))
    _, function = only(template.find_resources("AWS::Lambda::Function"))
    assert function["Environment"]["Variables"]["STREAM_STORE_TABLE"] == {"Ref": table_id}


def test_a_store_beside_code_that_does_not_run_our_runtime_is_refused(make_stack: Callable[..., Stack], tmp_path: Path) -> None:
    stack = make_stack()
    (tmp_path / "node").mkdir()
    (tmp_path / "node" / "index.mjs").write_text("export const handler = awslambda.streamifyResponse(async (e, s) => s.end())\n")
    with pytest.raises(ValueError, match="^STORE_WITHOUT_RUNTIME: "):
        StreamingFunction(stack, "Node", code=StreamingCode.nodejs(tmp_path / "node"), stream_store=StreamStore(stack, "Store"))


@pytest.mark.parametrize("kind", ["nodejs", "asgi"])
def test_redaction_where_our_runtime_does_not_see_the_text_is_refused(
    kind: str, make_stack: Callable[..., Stack], tmp_path: Path
) -> None:
    (tmp_path / "index.mjs").write_text("export const handler = awslambda.streamifyResponse(async (e, s) => s.end())\n")
    (tmp_path / "main.py").write_text("app = make()\n")
    code = StreamingCode.nodejs(tmp_path) if kind == "nodejs" else StreamingCode.asgi(tmp_path)
    with pytest.raises(ValueError, match="^REDACT_UNSEEN: limits.redact is email, "):
        StreamingFunction(make_stack(), "Fn", code=code, limits=StreamLimits(redact=("email",)))


def test_redaction_reaches_the_runtime_of_a_python_function(stack: Stack, entry: Path) -> None:
    build(stack, entry, limits=StreamLimits(redact=("email", "iban")))
    _, function = only(Template.from_stack(stack).find_resources("AWS::Lambda::Function"))
    assert function["Environment"]["Variables"]["STREAM_REDACT"] == "email,iban"


@pytest.mark.parametrize("own", [True, False])
def test_a_dashboard_of_its_own_or_an_existing_one(own: bool, stack: Stack, entry: Path) -> None:
    existing = None if own else cloudwatch.Dashboard(stack, "Existing")
    function = build(stack, entry, dashboard=True if existing is None else existing)
    assert function.dashboard is not None
    Template.from_stack(stack).resource_count_is("AWS::CloudWatch::Dashboard", 1)


def test_an_organisations_defaults_fill_in_what_is_left_out_and_parameters_come_first(stack: Stack, entry: Path) -> None:
    StreamingDefaults.set(
        stack,
        memory_size=2048,
        timeout=Duration.minutes(2),
        architecture=lambda_.Architecture.X86_64,
        log_group_retention=logs.RetentionDays.ONE_YEAR,
        alarms=AlarmThresholds.disabled(),
    )
    function = build(stack, entry, memory_size=512)
    template = Template.from_stack(stack)
    _, found = only(template.find_resources("AWS::Lambda::Function"))
    assert (found["MemorySize"], found["Timeout"], found["Architectures"]) == (512, 120, ["x86_64"])
    _, group = only(template.find_resources("AWS::Logs::LogGroup"))
    assert group["RetentionInDays"] == 365
    assert function.alarms.all == []
