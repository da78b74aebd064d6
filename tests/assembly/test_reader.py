from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from constructs_pkg.assembly import AssemblyError, CloudAssembly, UnresolvedIntrinsic
from tests.assembly.builder import BUCKET, load, write_stack, write_stage

if TYPE_CHECKING:
    from pathlib import Path

FUNCTION = {
    "Type": "AWS::Lambda::Function",
    "Properties": {"Code": {"S3Bucket": {"Fn::Sub": BUCKET}, "S3Key": "abc.zip"}},
}


def files(path: str, key: str = "abc.zip", bucket: str = BUCKET) -> dict[str, Any]:
    return {
        "abc": {"source": {"path": path, "packaging": "zip"}, "destinations": {"here": {"bucketName": bucket, "objectKey": key}}}
    }


# What can be wrong


def test_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssemblyError, match="NO_ASSEMBLY: .*cdk synth"):
        CloudAssembly.load(tmp_path)
    with pytest.raises(AssemblyError, match="NO_ASSEMBLY"):
        CloudAssembly.load(tmp_path / "nowhere")


@pytest.mark.parametrize("content", ["{", "", "[" * 100_000, "\x00"])
def test_damaged_json_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(AssemblyError, match="BAD_JSON"):
        CloudAssembly.load(tmp_path)


@pytest.mark.parametrize("resource", [None, [], "x", {}, {"Type": 3}])
def test_a_resource_without_a_type_is_named(resource: Any, tmp_path: Path) -> None:
    with pytest.raises(AssemblyError, match=r"^BAD_TEMPLATE: in the template of App, the resource Odd has no Type"):
        load(tmp_path, {"Odd": resource})


def test_json_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("[]")
    with pytest.raises(AssemblyError, match="BAD_JSON: .*an object is expected"):
        CloudAssembly.load(tmp_path)
    (tmp_path / "manifest.json").write_text('{"artifacts": {"A": {"type": "aws:cloudformation:stack"}}}')
    with pytest.raises(AssemblyError, match="BAD_ASSEMBLY"):
        CloudAssembly.load(tmp_path)
    (tmp_path / "manifest.json").write_text('{"artifacts": []}')
    with pytest.raises(AssemblyError, match="BAD_ASSEMBLY"):
        CloudAssembly.load(tmp_path)


def test_assembly_without_stacks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"artifacts": {"Tree": {"type": "cdk:tree"}}}')
    with pytest.raises(AssemblyError, match="NO_STACKS"):
        CloudAssembly.load(tmp_path)


def test_missing_template_is_refused(tmp_path: Path) -> None:
    write_stack(tmp_path)
    (tmp_path / "App.template.json").unlink()
    with pytest.raises(AssemblyError, match=r"UNREADABLE: .*App\.template\.json"):
        CloudAssembly.load(tmp_path)


def test_assembly_that_holds_itself_is_refused(tmp_path: Path) -> None:
    stage = write_stage(tmp_path, "Loop")
    (stage / "manifest.json").write_text(
        json.dumps({"artifacts": {"up": {"type": "cdk:cloud-assembly", "properties": {"directoryName": "."}}}})
    )
    with pytest.raises(AssemblyError, match="NESTED_TOO_DEEP"):
        CloudAssembly.load(tmp_path)


# Stacks and where they are


def test_stacks_of_stages_are_read_with_their_place(tmp_path: Path) -> None:
    write_stack(tmp_path, "Top")
    stage = write_stage(tmp_path, "Prod")
    write_stack(stage, "ProdChat1A2B", environment="aws://111122223333/eu-west-1", path="Prod/Chat", stackName="Prod-Chat")
    assembly = CloudAssembly.load(tmp_path, default_account="000000000000", default_region="eu-north-1")
    assert [(s.path, s.name, s.account, s.region) for s in assembly.stacks] == [
        ("Top", "Top", "000000000000", "eu-north-1"),
        ("Prod/Chat", "Prod-Chat", "111122223333", "eu-west-1"),
    ]
    assert assembly.stack("Prod-Chat") is assembly.stack("Prod/Chat")
    with pytest.raises(AssemblyError, match=r"UNKNOWN_STACK: .*Top, Prod/Chat"):
        assembly.stack("Nobody")


def test_agnostic_stacks_get_the_defaults(tmp_path: Path) -> None:
    write_stack(tmp_path)
    stack = CloudAssembly.load(tmp_path).stack("App")
    assert (stack.account, stack.region, stack.partition) == ("123456789012", "us-east-1", "aws")


@pytest.mark.parametrize("display", ["Prod/Chat", "Prod/Chat (Prod-Chat)"])
def test_construct_path_of_a_stack_is_its_display_name(tmp_path: Path, display: str) -> None:
    write_stack(tmp_path, "A1", path=display)
    assert CloudAssembly.load(tmp_path).stacks[0].path == "Prod/Chat"


# Resources and their paths


def test_construct_path_comes_from_the_template_then_the_manifest_then_the_logical_id(tmp_path: Path) -> None:
    template = {
        "Resources": {
            "A": {"Type": "T", "Metadata": {"aws:cdk:path": "App/Chat/Function/Resource"}},
            "B": {"Type": "T"},
            "C": {"Type": "T"},
        }
    }
    metadata = {"/App/Chat/Role/Resource": [{"type": "aws:cdk:logicalId", "data": "B"}]}
    write_stack(tmp_path, "App", template, metadata=metadata)
    resources = CloudAssembly.load(tmp_path).stack("App").resources
    assert [r.path for r in resources.values()] == ["App/Chat/Function", "App/Chat/Role", "App/C"]


def test_metadata_inside_the_manifest_is_read_too(tmp_path: Path) -> None:
    """So it stands in assemblies of CDK before 2.200."""
    write_stack(tmp_path, "App", {"Resources": {"B": {"Type": "T"}}})
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["version"] = "36.0.0"
    manifest["artifacts"]["App"]["metadata"] = {"/App/Chat/Role": [{"type": "aws:cdk:logicalId", "data": "B"}]}
    del manifest["artifacts"]["App"]["displayName"]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert CloudAssembly.load(tmp_path).stacks[0].resources["B"].path == "App/Chat/Role"


def test_resources_whose_condition_is_false_are_left_out(tmp_path: Path) -> None:
    resources = {
        "Here": {"Type": "T", "Condition": "Yes", "DependsOn": "Gone", "Metadata": {"k": "v"}},
        "Gone": {"Type": "T", "Condition": "No", "DependsOn": ["Here", "Here"]},
    }
    conditions = {"Yes": {"Fn::Equals": ["1", "1"]}, "No": {"Fn::Equals": ["1", "2"]}}
    outputs = {"A": {"Value": "a"}, "B": {"Value": {"Ref": "Gone"}, "Condition": "No"}}
    stack = load(tmp_path, resources, Conditions=conditions, Outputs=outputs).stack("App")
    assert list(stack.resources) == ["Here"]
    assert stack.of_type("T")[0].depends_on == ("Gone",)
    assert stack.resources["Here"].metadata == {"k": "v"}
    assert dict(stack.outputs) == {"A": "a"}


# Assets


def test_function_code_is_found_on_disk(tmp_path: Path) -> None:
    (tmp_path / "asset.abc").mkdir()
    write_stack(tmp_path, "App", {"Resources": {"F": FUNCTION}}, files=files("asset.abc"))
    assembly = CloudAssembly.load(tmp_path)
    assert assembly.of_type("AWS::Lambda::Function")[0].asset_path("Code") == tmp_path.resolve() / "asset.abc"
    assert assembly.stack("App").asset_path("other-bucket", "other.zip") is None


def test_stages_find_assets_beside_them(tmp_path: Path) -> None:
    (tmp_path / "asset.abc").mkdir()
    stage = write_stage(tmp_path, "Prod")
    write_stack(stage, "Chat", {"Resources": {"F": FUNCTION}}, files=files("../asset.abc"), path="Prod/Chat")
    assert CloudAssembly.load(tmp_path).stack("Prod/Chat").resources["F"].asset_path("Code") == tmp_path.resolve() / "asset.abc"


def test_the_bucket_tells_equal_keys_apart(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_stack(tmp_path, name, {"Resources": {"F": FUNCTION}}, files=files(name, bucket=f"bucket-{name}"))
    stack = CloudAssembly.load(tmp_path).stack("one")
    assert stack.asset_path("bucket-one", "abc.zip") == tmp_path.resolve() / "one"
    assert stack.asset_path("bucket-two", "abc.zip") == tmp_path.resolve() / "two"
    assert stack.asset_path("bucket-three", "abc.zip") is None


def test_inline_code_is_no_asset(tmp_path: Path) -> None:
    function = {"Type": "AWS::Lambda::Function", "Properties": {"Code": {"ZipFile": "x = 1"}}}
    assert load(tmp_path, {"F": function}).stack("App").resources["F"].asset_path("Code") is None


def test_asset_that_is_gone_is_an_error(tmp_path: Path) -> None:
    write_stack(tmp_path, "App", {"Resources": {"F": FUNCTION}}, files=files("asset.abc"))
    with pytest.raises(AssemblyError, match=r"ASSET_MISSING: .*asset\.abc"):
        CloudAssembly.load(tmp_path).stack("App").resources["F"].asset_path("Code")


def test_assets_of_the_old_synthesizer_are_found(tmp_path: Path) -> None:
    (tmp_path / "asset.abc").mkdir()
    half = {"Fn::Split": ["||", {"Ref": "KeyParam"}]}
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Code": {
                "S3Bucket": {"Ref": "BucketParam"},
                "S3Key": {"Fn::Join": ["", [{"Fn::Select": [0, half]}, {"Fn::Select": [1, half]}]]},
            }
        },
    }
    data = {
        "path": "asset.abc",
        "id": "abc",
        "packaging": "zip",
        "sourceHash": "abc",
        "s3BucketParameter": "BucketParam",
        "s3KeyParameter": "KeyParam",
        "artifactHashParameter": "HashParam",
    }
    template = {
        "Resources": {"F": function},
        "Parameters": {n: {"Type": "String"} for n in ("BucketParam", "KeyParam", "HashParam")},
    }
    write_stack(tmp_path, "App", template, metadata={"/App": [{"type": "aws:cdk:asset", "data": data}]})
    assert CloudAssembly.load(tmp_path).stack("App").resources["F"].asset_path("Code") == tmp_path.resolve() / "asset.abc"


# From stack to stack


def write_producer(tmp_path: Path, environment: str = "aws://111122223333/us-east-1", name: str = "Producer") -> None:
    template = {
        "Resources": {"T": {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": "table"}}},
        "Outputs": {"Name": {"Value": {"Ref": "T"}, "Export": {"Name": {"Fn::Sub": "${AWS::StackName}:Name"}}}},
    }
    write_stack(tmp_path, name, template, environment=environment)


def write_consumer(tmp_path: Path, value: Any) -> CloudAssembly:
    template = {"Resources": {"P": {"Type": "T::T::T", "Properties": {"Value": value}}}}
    write_stack(tmp_path, "Consumer", template, environment="aws://111122223333/us-east-1")
    return CloudAssembly.load(tmp_path)


def test_exports_are_imported(tmp_path: Path) -> None:
    write_producer(tmp_path)
    assembly = write_consumer(tmp_path, {"Fn::ImportValue": {"Fn::Sub": "Producer:Name"}})
    assert assembly.stack("Consumer").resources["P"].properties["Value"] == "table"


def test_exports_of_another_region_are_not_imported(tmp_path: Path) -> None:
    write_producer(tmp_path, "aws://111122223333/eu-west-1")
    assembly = write_consumer(tmp_path, {"Fn::ImportValue": "Producer:Name"})
    with pytest.raises(UnresolvedIntrinsic, match="Producer in 111122223333/eu-west-1 does"):
        _ = assembly.stack("Consumer").resources["P"].properties["Value"]


def test_an_unknown_export_name_elsewhere_does_not_matter(tmp_path: Path) -> None:
    strange = {"Resources": {}, "Outputs": {"X": {"Value": "x", "Export": {"Name": {"Fn::Unheard": 1}}}}}
    write_stack(tmp_path, "Astray", strange, environment="aws://111122223333/us-east-1")
    write_producer(tmp_path)
    assembly = write_consumer(tmp_path, {"Fn::ImportValue": "Producer:Name"})
    assert assembly.stack("Consumer").resources["P"].properties["Value"] == "table"


@pytest.mark.parametrize(
    ("environment", "extra"),
    [
        ("aws://111122223333/us-east-1", {}),
        ("aws://111122223333/eu-west-1", {"Region": "eu-west-1"}),
        ("aws://444455556666/us-east-1", {"RoleArn": "arn:aws:iam::444455556666:role/reader"}),
    ],
)
def test_weak_references_read_another_stacks_output(tmp_path: Path, environment: str, extra: dict[str, str]) -> None:
    write_producer(tmp_path, environment)
    assembly = write_consumer(tmp_path, {"Fn::GetStackOutput": {"StackName": "Producer", "OutputName": "Name", **extra}})
    assert assembly.stack("Consumer").resources["P"].properties["Value"] == "table"


def test_references_across_regions_by_cdks_custom_resources_are_followed(tmp_path: Path) -> None:
    name = "/cdk/exports/Consumer/ProducerTable"
    writer = {"WriterProps": {"region": "us-east-1", "exports": {name: {"Ref": "T"}}}}
    template = {
        "Resources": {
            "T": {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": "table"}},
            "W": {"Type": "Custom::CrossRegionExportWriter", "Properties": writer},
        }
    }
    write_stack(tmp_path, "Producer", template, environment="aws://111122223333/eu-west-1")
    template = {
        "Resources": {"R": {"Type": "Custom::CrossRegionExportReader"}},
        "Outputs": {"Name": {"Value": {"Fn::GetAtt": ["R", name]}}, "Bad": {"Value": {"Fn::GetAtt": ["R", "/cdk/other"]}}},
    }
    write_stack(tmp_path, "Consumer", template, environment="aws://111122223333/us-east-1")
    stack = CloudAssembly.load(tmp_path).stack("Consumer")
    assert stack.outputs["Name"] == "table"
    with pytest.raises(UnresolvedIntrinsic, match="only the deployment"):
        _ = stack.outputs["Bad"]


def write_nested(tmp_path: Path, condition: dict[str, Any] | None = None) -> CloudAssembly:
    nested = {
        "Parameters": {"Table": {"Type": "String"}},
        "Resources": {
            "F": {"Type": "AWS::Lambda::Function", "Properties": {"Environment": {"Variables": {"T": {"Ref": "Table"}}}}}
        },
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["F", "Arn"]}}},
    }
    (tmp_path / "AppInner.nested.template.json").write_text(json.dumps(nested))
    template = {
        "Resources": {
            "T": {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": "table"}},
            "Inner": {
                "Type": "AWS::CloudFormation::Stack",
                "Properties": {"Parameters": {"Table": {"Ref": "T"}}, "TemplateURL": "https://elsewhere"},
                **(condition or {}),
            },
        },
        "Conditions": {"No": {"Fn::Equals": ["1", "2"]}},
        "Outputs": {"Inner": {"Value": {"Fn::GetAtt": ["Inner", "Outputs.Arn"]}, **(condition or {})}},
    }
    metadata = {
        "/App/Inner": [{"type": "aws:cdk:templateFile", "data": "AppInner.nested.template.json"}],
        "/App/Inner.NestedStack/Inner.NestedStackResource": [{"type": "aws:cdk:logicalId", "data": "Inner"}],
        "/App/Inner/F/Resource": [{"type": "aws:cdk:logicalId", "data": "F"}],
    }
    write_stack(tmp_path, "App", template, metadata=metadata)
    return CloudAssembly.load(tmp_path)


def test_nested_stacks_are_stacks_with_parameters_and_outputs(tmp_path: Path) -> None:
    assembly = write_nested(tmp_path)
    assert [stack.path for stack in assembly.stacks] == ["App", "App/Inner"]
    inner = assembly.stack("App/Inner")
    assert inner.resources["F"].path == "App/Inner/F"
    assert inner.resources["F"].property("Environment", "Variables", "T") == "table"
    assert inner.name.startswith("App-Inner-")
    assert assembly.stack("App").outputs["Inner"] == inner.get_att("F", "Arn")


def test_nested_stack_whose_condition_is_false_is_left_out(tmp_path: Path) -> None:
    assembly = write_nested(tmp_path, {"Condition": "No"})
    assert [stack.path for stack in assembly.stacks] == ["App"]


# Parameters


SSM = {"Model": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/chat/model"}}
USES = {"P": {"Type": "T::T::T", "Properties": {"Value": {"Ref": "Model"}}}}


@pytest.mark.parametrize("key", ["Model", "App:Model", "/chat/model"])
def test_ssm_parameters_can_be_given(tmp_path: Path, key: str) -> None:
    stack = load(tmp_path, USES, Parameters=SSM, parameters={key: "nova"}).stack("App")
    assert stack.resources["P"].properties["Value"] == "nova"


def test_ssm_parameters_of_the_assembly_are_known(tmp_path: Path) -> None:
    resources = {**USES, "S": {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "/chat/model", "Value": "nova"}}}
    assert load(tmp_path, resources, Parameters=SSM).stack("App").resources["P"].properties["Value"] == "nova"


def test_ssm_parameter_without_a_value_says_how_to_give_one(tmp_path: Path) -> None:
    stack = load(tmp_path, USES, Parameters=SSM).stack("App")
    with pytest.raises(UnresolvedIntrinsic, match="give a value for Model or for the SSM parameter /chat/model"):
        _ = stack.resources["P"].properties["Value"]


def test_the_stacks_own_parameter_wins_over_the_common_one(tmp_path: Path) -> None:
    given = {"Model": "any", "App:Model": "own"}
    stack = load(tmp_path, USES, Parameters={"Model": {"Type": "String", "Default": "d"}}, parameters=given).stack("App")
    assert stack.resources["P"].properties["Value"] == "own"


def test_list_parameters_are_split(tmp_path: Path) -> None:
    declared = {"Model": {"Type": "AWS::SSM::Parameter::Value<List<String>>", "Default": "/x"}}
    stack = load(tmp_path, USES, Parameters=declared, parameters={"Model": "a, b"}).stack("App")
    assert stack.resources["P"].properties["Value"] == ["a", "b"]


def test_misspelt_parameter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssemblyError, match="UNKNOWN_PARAMETER: Modle; the templates have: /chat/model, Model"):
        load(tmp_path, USES, Parameters=SSM, parameters={"Modle": "x"})


# The package


def test_the_reader_stands_on_the_standard_library_alone() -> None:
    script = (
        "import sys; before = set(sys.modules); import constructs_pkg.assembly;"
        "loaded = {name.split('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names);"
        "print(sorted(loaded))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "['constructs_pkg']"
