"""Each check on an app that is right, and on the same app broken in one place: it finds that and nothing else."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from constructs_pkg._checks import CODES, check
from constructs_pkg.assembly import CloudAssembly
from tests.assembly.builder import load, write_stack
from tests.assembly.streaming_app import BY_URL, FUNCTION_ARN, changed, good, node, put, resource, scaled, statement

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.assembly.streaming_app import Template

STATEMENTS = "CallerPolicy.PolicyDocument.Statement"
ORIGIN = "Distribution.DistributionConfig.Origins.0"
VARIABLES = "Function.Environment.Variables"
HEARTBEAT = f"{VARIABLES}.STREAM_HEARTBEAT_SECONDS"
INTEGRATION = "Method.Integration.TimeoutInMillis"
CLOUDFRONT = ("Distribution", "DistributionUrl", "DistributionFunction")
API = ("Api", "Stage", "Method", "ApiPermission")


def found(directory: Path, app: Template) -> list[tuple[str, str]]:
    write_stack(directory, "App", {"Resources": app}, environment="aws://123456789012/us-east-1")
    report = check(CloudAssembly.load(directory))
    assert report.unread == ()
    return [(finding.code, finding.logical_id) for finding in report.findings]


@pytest.mark.parametrize("app", [good, scaled, node])
def test_an_app_that_is_right_has_no_finding(app: Callable[[], Template], tmp_path: Path) -> None:
    assert found(tmp_path, app()) == []


def edge(app: Template, timeout_ms: int = 300_000) -> Template:
    return changed(app, {INTEGRATION: timeout_ms, "Api.EndpointConfiguration": {"Types": ["EDGE"]}})


def adapter(app: Template, mode: str | None = "response_stream") -> Template:
    put(app, VARIABLES, {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/bootstrap"})
    return put(app, f"{VARIABLES}.AWS_LWA_INVOKE_MODE", mode) if mode else app


def bare(app: Template, **changes: Any) -> Template:
    """Without the layer and what belongs to it."""
    changed(app, {"Function.Environment": None, "Function.Layers": None})
    return changed(app, {f"Function.{name}": value for name, value in changes.items()})


def alarmed(*actions: Any) -> Template:
    app = good()
    app["Alarm"] = resource("AWS::CloudWatch::Alarm", MetricName="Errors", Namespace="AWS/Lambda", AlarmActions=list(actions))
    return app


def weighted(app: Template) -> Template:
    return put(app, "Alias.RoutingConfig", {"AdditionalVersionWeights": [{"FunctionVersion": "1", "FunctionWeight": 0.1}]})


def more(app: Template, type: str, **properties: Any) -> Template:
    app["More"] = resource(type, **properties)
    return app


def without(app: Template, *names: str) -> Template:
    return {name: value for name, value in app.items() if name not in names}


def permission(app: Template, **properties: Any) -> Template:
    given = {"Action": "lambda:InvokeFunction", "FunctionName": {"Ref": "Alias"}, **properties}
    return more(app, "AWS::Lambda::Permission", **given)


SNAPSHOTS = {"ApplyOn": "PublishedVersions"}


def cold(app: Template) -> Template:
    return put(app, "Alias.ProvisionedConcurrencyConfig", None)


def snapshots(**properties: Any) -> Template:
    app = changed(cold(good()), {f"Function.{name}": value for name, value in properties.items()})
    return put(app, "Function.SnapStart", SNAPSHOTS)


def other_alias(app: Template) -> Template:
    version = {"Fn::GetAtt": ["Version", "Version"]}
    return more(app, "AWS::Lambda::Alias", Name="other", FunctionName={"Ref": "Function"}, FunctionVersion=version)


def holding(*statements: Any) -> Template:
    """The caller's role with these statements."""
    return put(good(), STATEMENTS, list(statements))


def public(reason: str | None) -> Template:
    app = put(good(), "Url.AuthType", "NONE")
    app["Url"]["Metadata"] = {"streaming-lambda:public-url": reason} if reason else {}
    return app


URL_RIGHT = statement("lambda:InvokeFunctionUrl")
FUNCTION_RIGHT = statement("lambda:InvokeFunction")
FUNCTION_RIGHT_BY_URL = statement("lambda:InvokeFunction", Condition=BY_URL)
NOT_BY_URL = {"Bool": {"lambda:InvokedViaFunctionUrl": "false"}}
ONLY_URL_RIGHT = {"Statement": [URL_RIGHT]}
ONLY_FUNCTION_RIGHT = {"Statement": [FUNCTION_RIGHT]}
HALF = "HALF_OF_INVOKE_URL"
ON_LATEST = {
    "Fn::Sub": "arn:aws:apigateway:us-east-1:lambda:path/2021-11-15/functions/${Function.Arn}/response-streaming-invocations"
}

BROKEN: list[tuple[str, Template, list[tuple[str, str]]]] = [
    # Who comes in reaches what is kept warm
    ("URL on $LATEST", put(good(), "Url.Qualifier", None), [("ENDPOINT_MISSES_WARM_ALIAS", "Url")]),
    ("URL on another alias", put(other_alias(good()), "Url.Qualifier", "other"), [("ENDPOINT_MISSES_WARM_ALIAS", "Url")]),
    ("URL past the scaled alias", put(scaled(), "Url.Qualifier", None), [("ENDPOINT_MISSES_WARM_ALIAS", "Url")]),
    ("method on $LATEST", put(good(), "Method.Integration.Uri", ON_LATEST), [("ENDPOINT_MISSES_WARM_ALIAS", "Method")]),
    # Both permissions
    ("role without InvokeFunction", holding(URL_RIGHT), [(HALF, "CallerPolicy")]),
    ("role without InvokeFunctionUrl", holding(FUNCTION_RIGHT_BY_URL), [(HALF, "CallerPolicy")]),
    (
        "role with both on different things",
        holding(URL_RIGHT, {**FUNCTION_RIGHT, "Resource": FUNCTION_ARN}),
        [(HALF, "CallerPolicy")],
    ),
    (
        "role whose other right is not for URLs",
        holding(URL_RIGHT, {**FUNCTION_RIGHT, "Condition": NOT_BY_URL}),
        [(HALF, "CallerPolicy")],
    ),
    ("CloudFront without InvokeFunction", without(good(), "DistributionFunction"), [(HALF, "DistributionUrl")]),
    ("CloudFront without InvokeFunctionUrl", without(good(), "DistributionUrl"), [(HALF, "DistributionFunction")]),
    (
        "CloudFront with both for different distributions",
        put(good(), "DistributionFunction.SourceArn", "arn:aws:cloudfront::123456789012:distribution/OTHER"),
        [(HALF, "DistributionFunction"), (HALF, "DistributionUrl")],
    ),
    (
        "a user's own inline policy",
        more(good(), "AWS::IAM::User", Policies=[{"PolicyName": "p", "PolicyDocument": {"Statement": URL_RIGHT}}]),
        [(HALF, "More")],
    ),
    (
        "a managed policy",
        more(good(), "AWS::IAM::ManagedPolicy", Roles=["Someone"], PolicyDocument=ONLY_URL_RIGHT),
        [(HALF, "More")],
    ),
    # Open to more callers than asked for
    ("a URL for everyone", public(None), [("PUBLIC_URL", "Url")]),
    ("every origin with credentials", put(good(), "Url.Cors.AllowOrigins", ["*"]), [("CORS_ANY_ORIGIN_WITH_CREDENTIALS", "Url")]),
    ("a service without a source", put(good(), "ApiPermission.SourceArn", None), [("GRANT_NEEDS_SOURCE", "ApiPermission")]),
    ("everyone", permission(good(), Principal="*"), [("GRANT_TO_EVERYONE", "More")]),
    # Pretence
    ("Python without the runtime", bare(good()), [("RUNTIME_BUFFERS", "Function")]),
    ("Java", bare(good(), Runtime="java21"), [("RUNTIME_BUFFERS", "Function")]),
    ("wrapper without its layer", put(good(), "Function.Layers", None), [("WRAPPER_WITHOUT_LAYER", "Function")]),
    ("an adapter that buffers by default", adapter(good(), None), [("ADAPTER_BUFFERS", "Function")]),
    ("an adapter told to buffer", adapter(good(), "buffered"), [("ADAPTER_BUFFERS", "Function")]),
    (
        "Node without streamifyResponse",
        put(node(), "Function.Code.ZipFile", "exports.handler = f"),
        [("NODE_BUFFERS", "Function")],
    ),
    # Time limits
    ("heartbeat as slow as CloudFront", put(good(), HEARTBEAT, "60"), [("HEARTBEAT_TOO_SLOW", "Distribution")]),
    (
        "heartbeat as slow as CloudFront's default",
        changed(good(), {HEARTBEAT: "30", f"{ORIGIN}.CustomOriginConfig": {}}),
        [("HEARTBEAT_TOO_SLOW", "Distribution")],
    ),
    ("no heartbeat", without(put(good(), HEARTBEAT, "0"), *API), [("HEARTBEAT_TOO_SLOW", "Distribution")]),
    (
        "heartbeat slower than an edge-optimized API",
        without(put(edge(good()), HEARTBEAT, "45"), *CLOUDFRONT),
        [("HEARTBEAT_TOO_SLOW", "Method")],
    ),
    (
        "heartbeat as slow as a regional API",
        without(put(good(), HEARTBEAT, "300"), *CLOUDFRONT),
        [("HEARTBEAT_TOO_SLOW", "Method")],
    ),
    ("an edge-optimized API over code that says nothing", edge(adapter(good())), [("SILENCE_UNBOUNDED", "Method")]),
    (
        "an integration of more than 15 minutes",
        without(changed(good(), {"Function.Timeout": 900, INTEGRATION: 960_000}), *CLOUDFRONT),
        [("INTEGRATION_TIMEOUT_MISMATCH", "Method"), ("INTEGRATION_TIMEOUT_OUT_OF_RANGE", "Method")],
    ),
    ("an integration that gives up first", put(good(), INTEGRATION, 60_000), [("INTEGRATION_TIMEOUT_MISMATCH", "Method")]),
    ("an integration left at 29 seconds", put(good(), INTEGRATION, None), [("INTEGRATION_TIMEOUT_MISMATCH", "Method")]),
    ("a function that ends first", put(good(), INTEGRATION, 600_000), [("INTEGRATION_TIMEOUT_MISMATCH", "Method")]),
    (
        "a response timeout over 120 s",
        put(good(), f"{ORIGIN}.CustomOriginConfig.OriginReadTimeout", 180),
        [("RESPONSE_TIMEOUT_OUT_OF_RANGE", "Distribution")],
    ),
    (
        "completion below response timeout",
        put(good(), f"{ORIGIN}.ResponseCompletionTimeout", 50),
        [("COMPLETION_BELOW_FUNCTION_TIMEOUT", "Distribution"), ("COMPLETION_BELOW_RESPONSE_TIMEOUT", "Distribution")],
    ),
    (
        "completion below the function's timeout",
        put(good(), f"{ORIGIN}.ResponseCompletionTimeout", 299),
        [("COMPLETION_BELOW_FUNCTION_TIMEOUT", "Distribution")],
    ),
    (
        "a margin as long as the timeout",
        put(good(), f"{VARIABLES}.STREAM_DEADLINE_MARGIN_MS", "300000"),
        [("DEADLINE_MARGIN_TOO_LONG", "Function")],
    ),
    ("no timeout set", put(node(), "Function.Timeout", None), [("TIMEOUT_LEFT_AT_DEFAULT", "Function")]),
    ("no memory set", put(node(), "Function.MemorySize", None), [("MEMORY_LEFT_AT_DEFAULT", "Function")]),
    # REST
    ("a compressed API", put(good(), "Api.MinimumCompressionSize", 0), [("REST_BUFFERS", "Api")]),
    ("a cache", put(good(), "Stage.CacheClusterEnabled", True), [("REST_BUFFERS", "Stage")]),
    ("a cached method", put(good(), "Stage.MethodSettings", [{"CachingEnabled": "true"}]), [("REST_BUFFERS", "Stage")]),
    # Provisioned concurrency
    ("static above reserved", put(good(), "Function.ReservedConcurrentExecutions", 1), [("PC_ABOVE_RESERVED", "Function")]),
    ("scaled above reserved", put(scaled(), "Target.MaxCapacity", 11), [("PC_ABOVE_RESERVED", "Function")]),
    ("weights", weighted(good()), [("PC_WITH_WEIGHTS", "Alias")]),
    ("SnapStart", put(good(), "Function.SnapStart", SNAPSHOTS), [("PC_WITH_SNAPSTART", "Function")]),
    ("SnapStart on Node.js", put(node(), "Function.SnapStart", SNAPSHOTS), [("SNAPSTART_UNAVAILABLE", "Function")]),
    ("SnapStart on an old Python", snapshots(Runtime="python3.11"), [("SNAPSTART_UNAVAILABLE", "Function")]),
    (
        "SnapStart with EFS",
        snapshots(FileSystemConfigs=[{"Arn": "a", "LocalMountPath": "/mnt/a"}]),
        [("SNAPSTART_UNAVAILABLE", "Function")],
    ),
    ("SnapStart with a large /tmp", snapshots(EphemeralStorage={"Size": 513}), [("SNAPSTART_UNAVAILABLE", "Function")]),
    ("SnapStart of an image", snapshots(PackageType="Image", Runtime=None), [("SNAPSTART_UNAVAILABLE", "Function")]),
    ("SnapStart with /tmp as it is", snapshots(EphemeralStorage={"Size": 512}), []),
    (
        "static and scaled",
        put(scaled(), "Alias.ProvisionedConcurrencyConfig", {"ProvisionedConcurrentExecutions": 5}),
        [("PC_STATIC_WITH_AUTOSCALING", "Alias")],
    ),
    ("a topic of another region", alarmed("arn:aws:sns:eu-west-1:123456789012:pager"), [("ALARM_ACTION_ELSEWHERE", "Alarm")]),
    ("nothing that scales", without(scaled(), "Scaling"), [("AUTOSCALING_WITHOUT_POLICY", "Target")]),
    ("scaled to nothing", put(scaled(), "Target.MinCapacity", 0), [("AUTOSCALING_FROM_ZERO", "Target")]),
]


@pytest.mark.parametrize(("app", "expected"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_what_is_broken_is_found_and_nothing_else(app: Template, expected: list[tuple[str, str]], tmp_path: Path) -> None:
    assert sorted(found(tmp_path, app)) == sorted(expected)


def test_where_the_app_does_not_say_its_region_any_topic_may_be_right(tmp_path: Path) -> None:
    report = check(load(tmp_path, alarmed("arn:aws:sns:eu-west-1:123456789012:pager")))
    assert report.findings == ()


def test_every_code_has_an_app_that_breaks_it() -> None:
    assert {code for _, _, expected in BROKEN for code, _ in expected} == set(CODES)


FINE: list[tuple[str, Template]] = [
    (
        "topics of the alarm's own region",
        alarmed("arn:aws:sns:us-east-1:123456789012:pager", {"Fn::Sub": "arn:aws:sns:${AWS::Region}:1:a"}),
    ),
    ("an action that is no ARN", alarmed("pager")),
    ("a public URL that says why", public("a demo for everyone")),
    ("every origin without credentials", changed(good(), {"Url.Cors.AllowOrigins": ["*"], "Url.Cors.AllowCredentials": "false"})),
    ("a right to call the function directly", holding(FUNCTION_RIGHT)),
    ("both in one statement", holding(statement("lambda:InvokeFunctionUrl", "lambda:InvokeFunction"))),
    ("both by a wildcard", holding(statement("lambda:Invoke*", on="*"))),
    ("everything", holding(statement("*", on="*"))),
    ("a wider second right", holding(URL_RIGHT, statement("lambda:invokefunction", on={"Fn::Sub": "${Function.Arn}:*"}))),
    ("a denial", holding({**URL_RIGHT, "Effect": "Deny"})),
    (
        "the two in two policies",
        more(holding(URL_RIGHT), "AWS::IAM::RolePolicy", RoleName={"Ref": "Caller"}, PolicyDocument=ONLY_FUNCTION_RIGHT),
    ),
    (
        "one in the role's policy and one in the function's",
        permission(holding(URL_RIGHT), Principal={"Fn::GetAtt": ["Caller", "Arn"]}),
    ),
    (
        "a managed policy that the role names",
        put(
            more(holding(URL_RIGHT), "AWS::IAM::ManagedPolicy", PolicyDocument=ONLY_FUNCTION_RIGHT),
            "Caller.ManagedPolicyArns",
            [{"Ref": "More"}],
        ),
    ),
    ("everyone of an organisation", permission(good(), Principal="*", PrincipalOrgID="o-1")),
    (
        "a service bound to an account",
        changed(good(), {"ApiPermission.SourceArn": None, "ApiPermission.SourceAccount": "123456789012"}),
    ),
    ("an adapter that streams", adapter(good(), "RESPONSE_STREAM")),
    ("a wrapper of one's own", put(good(), VARIABLES, {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/mine"})),
    ("an image", bare(good(), Runtime=None, PackageType="Image")),
    ("a runtime of one's own", bare(good(), Runtime="provided.al2023")),
    ("a Python function that says it buffers", put(without(bare(good()), *API), "Url.InvokeMode", "BUFFERED")),
    ("Node whose code is elsewhere", put(node(), "Function.Code", {"S3Bucket": "elsewhere", "S3Key": "code.zip"})),
    (
        "a short function without a heartbeat",
        changed(good(), {HEARTBEAT: "0", "Function.Timeout": 60, INTEGRATION: 60_000}),
    ),
    ("a short integration behind an edge-optimized API", put(edge(adapter(good()), 30_000), "Function.Timeout", 30)),
    ("29 seconds by default over a shorter function", changed(good(), {INTEGRATION: None, "Function.Timeout": 20})),
    (
        "a cache on an API that does not stream",
        changed(good(), {"Stage.CacheClusterEnabled": True, "Method.Integration.ResponseTransferMode": "BUFFERED"}),
    ),
    ("known hours without a policy", put(without(scaled(), "Scaling"), "Target.ScheduledActions", [{"Schedule": "at(now)"}])),
    (
        "a policy that names the target by its id",
        changed(scaled(), {"Scaling.ScalingTargetId": None, "Scaling.ResourceId": {"Fn::Sub": "function:${Function}:live"}}),
    ),
    ("weights without provisioned concurrency", weighted(put(good(), "Alias.ProvisionedConcurrencyConfig", None))),
    ("SnapStart switched off", put(good(), "Function.SnapStart", {"ApplyOn": "None"})),
    ("numbers as text", changed(good(), {"Function.Timeout": "300", "Function.ReservedConcurrentExecutions": "10"})),
    ("a function of another app", put(node(), "Url.TargetFunctionArn", "arn:aws:lambda:us-east-1:123456789012:function:theirs")),
]


@pytest.mark.parametrize("app", [case[1] for case in FINE], ids=[case[0] for case in FINE])
def test_what_is_fine_is_left_alone(app: Template, tmp_path: Path) -> None:
    assert found(tmp_path, app) == []


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(("code", "codes"), [("awslambda.streamifyResponse(f)", []), ("module.exports = f", ["NODE_BUFFERS"])])
def test_a_node_functions_asset_is_looked_into(zipped: bool, code: str, codes: list[str], tmp_path: Path) -> None:
    asset = tmp_path / ("asset.zip" if zipped else "asset")
    if zipped:
        with zipfile.ZipFile(asset, "w") as archive:
            archive.writestr("index.mjs", code)
    else:
        asset.mkdir()
        (asset / "index.mjs").write_text(code)
    files = {
        "hash": {
            "source": {"path": f"../{asset.name}", "packaging": "file" if zipped else "zip"},
            "destinations": {"current": {"bucketName": "assets", "objectKey": "code.zip"}},
        }
    }
    app = put(node(), "Function.Code", {"S3Bucket": "assets", "S3Key": "code.zip"})
    directory = write_stack(tmp_path / "cdk.out", "App", {"Resources": app}, files=files)
    assert [finding.code for finding in check(CloudAssembly.load(directory)).findings] == codes


def test_what_only_deployment_tells_is_left_out_and_noted(tmp_path: Path) -> None:
    app = put(node(), "Function.Timeout", {"Ref": "Seconds"})
    report = check(load(tmp_path, app, Parameters={"Seconds": {"Type": "Number"}}))
    assert report.findings == ()
    [line] = report.unread
    assert "Function.Timeout" in line


def test_one_value_that_is_unknown_hides_none_of_the_others(tmp_path: Path) -> None:
    unknown = {"Ref": "Unknown"}
    origins = "Distribution.DistributionConfig.Origins"
    [origin] = good()["Distribution"]["Properties"]["DistributionConfig"]["Origins"]
    app = changed(
        good(),
        {
            f"{VARIABLES}.TABLE": unknown,
            HEARTBEAT: "60",
            f"{STATEMENTS}.1.Sid": unknown,
            origins: [{"Id": unknown}, origin],
        },
    )
    report = check(load(tmp_path, app, Parameters={"Unknown": {"Type": "String"}}))
    assert [(finding.code, finding.location) for finding in report.findings] == [
        ("HEARTBEAT_TOO_SLOW", "Properties.DistributionConfig.Origins.1.CustomOriginConfig.OriginReadTimeout")
    ]


def test_a_finding_says_where_what_and_the_mend(tmp_path: Path) -> None:
    app = put(good(), "Url.AuthType", "NONE")
    app["Url"]["Metadata"] = {"aws:cdk:path": "App/Chat/Url/Resource"}
    [finding] = check(load(tmp_path, app)).findings
    assert finding.path == "App/Chat/Url"
    assert finding.stack == "App"
    assert finding.location == "Properties.AuthType"
    assert str(finding) == (
        "error PUBLIC_URL App/Chat/Url: the URL has auth type NONE: everyone who learns its address may call it, at your cost. Use "
        "AWS_IAM; or, if it is meant so, say why in the resource's Metadata: streaming-lambda:public-url."
    )


def test_a_url_that_misses_the_alias_names_the_distribution_behind_which_it_stands(tmp_path: Path) -> None:
    [finding] = check(load(tmp_path, put(good(), "Url.Qualifier", "$LATEST"))).findings
    assert "(and App/Distribution with it)" in finding.found
