"""`streaming-lambda check`: its lines, its exit codes, what is acknowledged, and an assembly as CDK in TypeScript writes it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from constructs_pkg.__main__ import main
from constructs_pkg._checks import AcknowledgementError, Acknowledgements, check
from constructs_pkg.assembly import CloudAssembly
from tests.assembly.builder import load, write_stack, write_stage
from tests.assembly.streaming_app import good, node, put

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def public(tmp_path: Path) -> Path:
    """An assembly with one finding, PUBLIC_URL at App/Url."""
    write_stack(tmp_path, "App", {"Resources": put(good(), "Url.AuthType", "NONE")})
    return tmp_path


def test_nothing_found_is_exit_code_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_stack(tmp_path, "App", {"Resources": good()})
    assert main(["check", "--assembly", str(tmp_path)]) == 0
    assert capsys.readouterr() == ("", "streaming-lambda check: no findings\n")


def test_each_finding_is_a_line_and_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_stack(tmp_path, "App", {"Resources": put(put(good(), "Url.AuthType", "NONE"), "Api.MinimumCompressionSize", 0)})
    assert main(["check", "--assembly", str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert [line.split(":")[0] for line in printed.out.splitlines()] == ["error REST_BUFFERS App/Api", "error PUBLIC_URL App/Url"]
    assert printed.err == "streaming-lambda check: 2 findings\n"


def test_a_doubt_is_a_finding_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_stack(tmp_path, "App", {"Resources": put(node(), "Function.Timeout", None)})
    assert main(["check", "--assembly", str(tmp_path)]) == 1
    assert capsys.readouterr().out.startswith("warning TIMEOUT_LEFT_AT_DEFAULT App/Function: ")


@pytest.mark.parametrize("content", [None, "{", "[]", '{"artifacts": {}}', '{"artifacts": {"x": {}}}'])
def test_an_assembly_that_cannot_be_read_is_exit_code_2(
    content: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    assert main(["check", "--assembly", str(tmp_path)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1


def test_cdk_out_is_looked_at_by_default(public: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: Any) -> None:
    elsewhere = tmp_path_factory.mktemp("app")
    (elsewhere / "cdk.out").symlink_to(public)
    monkeypatch.chdir(elsewhere)
    assert main(["check"]) == 1


@pytest.mark.parametrize("path", ["App/Url", "App", "/App/Url/"])
def test_what_is_acknowledged_is_no_finding(path: str, public: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--assembly", str(public), "--acknowledge", f"PUBLIC_URL:{path}"]) == 0
    assert capsys.readouterr() == ("", "streaming-lambda check: no findings, 1 acknowledged\n")


@pytest.mark.parametrize("text", ["PUBLIC_URL:App/Ur", "PUBLIC_URL:Ap", "REST_BUFFERS:App/Url"])
def test_an_acknowledgement_of_nothing_is_told(text: str, public: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--assembly", str(public), "--acknowledge", text]) == 1
    assert f"nothing was found that {text} acknowledges" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("PUBLIC_URL", "ACKNOWLEDGEMENT_FORM"),
        (":App", "ACKNOWLEDGEMENT_FORM"),
        ("PUBLIC_URL:/", "ACKNOWLEDGEMENT_FORM"),
        ("NO_CODE:App", "ACKNOWLEDGEMENT_CODE"),
    ],
)
def test_an_acknowledgement_that_is_none_is_exit_code_2(
    text: str, code: str, public: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "--assembly", str(public), "--acknowledge", text]) == 2
    assert code in capsys.readouterr().err
    with pytest.raises(AcknowledgementError, match=f"^{code}: "):
        Acknowledgements.parse([text])


@pytest.mark.parametrize("in_a_file", [True, False])
def test_what_the_app_acknowledged_by_cdks_own_means_is_no_finding(in_a_file: bool, tmp_path: Path) -> None:
    """As `Validations.of(construct).acknowledge({id: 'StreamingChecks::PUBLIC_URL', reason: '...'})` records it."""
    metadata = {
        "/App/Url": [{"type": "aws:cdk:acknowledged-rules", "data": {"StreamingChecks::PUBLIC_URL": "a public demo"}}],
        "/App": [{"type": "aws:cdk:acknowledged-rules", "data": {"AwsSolutions::AwsSolutions-L1": "unrelated"}}],
    }
    write_stack(tmp_path, "App", {"Resources": put(good(), "Url.AuthType", "NONE")}, metadata=metadata)
    if not in_a_file:
        manifest = json.loads((tmp_path / "manifest.json").read_text())
        artifact = manifest["artifacts"]["App"]
        artifact["metadata"] = json.loads((tmp_path / artifact.pop("additionalMetadataFile")).read_text())
        (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    report = check(CloudAssembly.load(tmp_path))
    assert report.findings == ()
    assert [finding.code for finding in report.acknowledged] == ["PUBLIC_URL"]
    assert report.unused == ()


def test_stages_are_looked_into_with_their_acknowledgements(tmp_path: Path) -> None:
    for stage, data in (("Beta", {"StreamingChecks::PUBLIC_URL": "a demo"}), ("Prod", {})):
        inside = write_stage(tmp_path, stage)
        metadata = {f"/{stage}/App": [{"type": "aws:cdk:acknowledged-rules", "data": data}]}
        write_stack(
            inside, f"{stage}App", {"Resources": put(good(), "Url.AuthType", "NONE")}, path=f"{stage}/App", metadata=metadata
        )
    report = check(CloudAssembly.load(tmp_path))
    assert [finding.path for finding in report.findings] == ["Prod/App/Url"]


def test_parameters_are_given_as_to_the_cdk_cli(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app = put(good(), "Url.AuthType", {"Ref": "Auth"})
    write_stack(tmp_path, "App", {"Resources": app, "Parameters": {"Auth": {"Type": "String"}}})
    assert main(["check", "--assembly", str(tmp_path)]) == 0
    assert "not looked at, as only deployment tells it: " in capsys.readouterr().err
    assert main(["check", "--assembly", str(tmp_path), "--parameters", "Auth=NONE"]) == 1


def test_the_command_loads_neither_cdk_nor_boto(tmp_path: Path) -> None:
    load(tmp_path, good())
    program = (
        "import sys; from constructs_pkg.__main__ import main; code = main(['check', '--assembly', sys.argv[1]]);"
        "sys.exit(code or [name for name in ('aws_cdk', 'jsii', 'constructs', 'boto3', 'h11') if name in sys.modules] or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


# An assembly as `cdk synth` of a TypeScript app leaves it: version 48 of the schema, metadata inside the manifest, construct paths in
# the templates' Metadata, assets named by hash, nothing of ours in it.


def typescript_app(directory: Path, **url: Any) -> Path:
    (directory / "asset.0f1e").mkdir(parents=True)
    (directory / "asset.0f1e" / "index.js").write_text(
        'var handler=awslambda.streamifyResponse(async(e,s)=>{s.end("hello")});exports.handler=handler;\n'
    )
    (directory / "cdk.out").write_text('{"version":"48.0.0"}')
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Architectures": ["arm64"],
            "Code": {
                "S3Bucket": {"Fn::Sub": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"},
                "S3Key": "0f1e.zip",
            },
            "Handler": "index.handler",
            "Role": {"Fn::GetAtt": ["ChatServiceRole1A2B3C4D", "Arn"]},
            "Runtime": "nodejs22.x",
            "Timeout": 60,
            "MemorySize": 256,
        },
        "DependsOn": ["ChatServiceRole1A2B3C4D"],
        "Metadata": {
            "aws:cdk:path": "TsStack/Chat/Resource",
            "aws:asset:path": "asset.0f1e",
            "aws:asset:is-bundled": True,
            "aws:asset:property": "Code",
        },
    }
    resources: dict[str, Any] = {
        "ChatServiceRole1A2B3C4D": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": {
                    "Statement": [
                        {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
                    ],
                    "Version": "2012-10-17",
                },
                "ManagedPolicyArns": [
                    {
                        "Fn::Join": [
                            "",
                            ["arn:", {"Ref": "AWS::Partition"}, ":iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"],
                        ]
                    }
                ],
            },
            "Metadata": {"aws:cdk:path": "TsStack/Chat/ServiceRole/Resource"},
        },
        "ChatA1B2C3D4": function,
        "ChatFunctionUrl5E6F7A8B": {
            "Type": "AWS::Lambda::Url",
            "Properties": {
                "AuthType": "AWS_IAM",
                "InvokeMode": "RESPONSE_STREAM",
                "TargetFunctionArn": {"Fn::GetAtt": ["ChatA1B2C3D4", "Arn"]},
                **url,
            },
            "Metadata": {"aws:cdk:path": "TsStack/Chat/FunctionUrl/Resource"},
        },
        "CDKMetadata": {
            "Type": "AWS::CDK::Metadata",
            "Properties": {"Analytics": "v2:deflate64:H4sIAAAAAAAA"},
            "Metadata": {"aws:cdk:path": "TsStack/CDKMetadata/Default"},
            "Condition": "CDKMetadataAvailable",
        },
    }
    template = {
        "Resources": resources,
        "Conditions": {
            "CDKMetadataAvailable": {
                "Fn::Or": [{"Fn::Equals": [{"Ref": "AWS::Region"}, region]} for region in ("us-east-1", "eu-west-1")]
            }
        },
        "Parameters": {
            "BootstrapVersion": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/cdk-bootstrap/hnb659fds/version"}
        },
        "Rules": {
            "CheckBootstrapVersion": {
                "Assertions": [
                    {"Assert": {"Fn::Not": [{"Fn::Contains": [["1", "2", "3", "4", "5"], {"Ref": "BootstrapVersion"}]}]}}
                ]
            }
        },
    }
    (directory / "TsStack.template.json").write_text(json.dumps(template))
    assets = {
        "version": "48.0.0",
        "files": {
            "0f1e": {
                "displayName": "Chat/Code",
                "source": {"path": "asset.0f1e", "packaging": "zip"},
                "destinations": {
                    "current_account-current_region": {
                        "bucketName": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}",
                        "objectKey": "0f1e.zip",
                        "assumeRoleArn": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/cdk-hnb659fds-file-publishing-role",
                    }
                },
            }
        },
        "dockerImages": {},
    }
    (directory / "TsStack.assets.json").write_text(json.dumps(assets))
    metadata = {
        f"/{resource['Metadata']['aws:cdk:path']}": [{"type": "aws:cdk:logicalId", "data": logical_id}]
        for logical_id, resource in resources.items()
    }
    metadata["/TsStack/Chat"] = [
        {"type": "aws:cdk:analytics:construct", "data": {"runtime": {"name": "nodejs22.x"}, "timeout": "*"}}
    ]
    manifest = {
        "version": "48.0.0",
        "artifacts": {
            "TsStack.assets": {"type": "cdk:asset-manifest", "properties": {"file": "TsStack.assets.json"}},
            "TsStack": {
                "type": "aws:cloudformation:stack",
                "environment": "aws://unknown-account/unknown-region",
                "properties": {"templateFile": "TsStack.template.json", "terminationProtection": False, "validateOnSynth": False},
                "dependencies": ["TsStack.assets"],
                "metadata": metadata,
                "displayName": "TsStack",
            },
            "Tree": {"type": "cdk:tree", "properties": {"file": "tree.json"}},
        },
        "minimumCliVersion": "2.1100.1",
    }
    (directory / "manifest.json").write_text(json.dumps(manifest))
    return directory


def test_an_app_in_typescript_that_is_right_has_no_finding(tmp_path: Path) -> None:
    report = check(CloudAssembly.load(typescript_app(tmp_path / "cdk.out")))
    assert report.findings == ()
    assert report.unread == ()


def test_an_app_in_typescript_is_told_by_its_own_construct_paths(tmp_path: Path) -> None:
    directory = typescript_app(tmp_path / "cdk.out", AuthType="NONE", Cors={"AllowCredentials": True, "AllowOrigins": ["*"]})
    (directory / "asset.0f1e" / "index.js").write_text("exports.handler = async () => 'hello';\n")
    report = check(CloudAssembly.load(directory))
    assert [(finding.code, finding.path) for finding in report.findings] == [
        ("NODE_BUFFERS", "TsStack/Chat"),
        ("CORS_ANY_ORIGIN_WITH_CREDENTIALS", "TsStack/Chat/FunctionUrl"),
        ("PUBLIC_URL", "TsStack/Chat/FunctionUrl"),
    ]
