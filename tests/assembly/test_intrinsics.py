from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from constructs_pkg.assembly import UnresolvedIntrinsic
from tests.assembly.builder import load, resolved

if TYPE_CHECKING:
    from pathlib import Path

ROLE = {"Role": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "reader"}}}
CONDITIONS = {
    "Yes": {"Fn::Equals": ["a", "a"]},
    "No": {"Fn::Equals": ["a", {"Ref": "AWS::Region"}]},
    "Number": {"Fn::Equals": [1, "1"]},
    "Truth": {"Fn::Equals": [True, "true"]},
    "Lists": {"Fn::Equals": [[1, "b"], ["1", "b"]]},
    "Both": {"Fn::And": [{"Condition": "Yes"}, {"Fn::Not": [{"Condition": "No"}]}]},
    "Either": {"Fn::Or": [{"Condition": "No"}, {"Fn::Equals": ["x", "y"]}]},
}
MAPPINGS = {"Sizes": {"us-east-1": {"memory": 512, "zones": ["a", "b"]}}}
PARAMETERS = {
    "Plain": {"Type": "String", "Default": "plain"},
    "Count": {"Type": "Number", "Default": 3},
    "Comma": {"Type": "CommaDelimitedList", "Default": "x, y,z"},
    "Subnets": {"Type": "List<AWS::EC2::Subnet::Id>", "Default": "subnet-1,subnet-2"},
    "Empty": {"Type": "String"},
}

CASES: list[tuple[Any, Any]] = [
    ("text", "text"),
    ({"a": [1, True, None, {"b": "c"}]}, {"a": [1, True, None, {"b": "c"}]}),
    ("{{resolve:secretsmanager:chat:SecretString:key}}", "{{resolve:secretsmanager:chat:SecretString:key}}"),
    # Pseudo parameters
    ({"Ref": "AWS::AccountId"}, "123456789012"),
    ({"Ref": "AWS::Region"}, "us-east-1"),
    ({"Ref": "AWS::Partition"}, "aws"),
    ({"Ref": "AWS::URLSuffix"}, "amazonaws.com"),
    ({"Ref": "AWS::StackName"}, "App"),
    ({"Ref": "AWS::NotificationARNs"}, []),
    # Parameters
    ({"Ref": "Plain"}, "plain"),
    ({"Ref": "Count"}, "3"),
    ({"Ref": "Comma"}, ["x", "y", "z"]),
    ({"Ref": "Subnets"}, ["subnet-1", "subnet-2"]),
    # References
    ({"Ref": "Role"}, "reader"),
    ({"Fn::GetAtt": ["Role", "Arn"]}, "arn:aws:iam::123456789012:role/reader"),
    ({"Fn::GetAtt": "Role.Arn"}, "arn:aws:iam::123456789012:role/reader"),
    ({"Fn::GetAtt": ["Role", {"Fn::Join": ["", ["A", "rn"]]}]}, "arn:aws:iam::123456789012:role/reader"),
    # Text
    ({"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":x"]]}, "arn:aws:x"),
    ({"Fn::Join": ["-", {"Ref": "Comma"}]}, "x-y-z"),
    ({"Fn::Join": [",", [1, True, 1.5]]}, "1,true,1.5"),
    ({"Fn::Sub": "${AWS::Region}/${Role}/${Role.Arn}/${Plain}"}, "us-east-1/reader/arn:aws:iam::123456789012:role/reader/plain"),
    ({"Fn::Sub": "${!Literal} ${Plain} $x {y}"}, "${Literal} plain $x {y}"),
    ({"Fn::Sub": ["${a}-${Plain}-${n}", {"a": {"Ref": "Role"}, "n": 7}]}, "reader-plain-7"),
    ({"Fn::Sub": ["${Plain}", {"Plain": "mine"}]}, "mine"),
    ({"Fn::Base64": {"Fn::Sub": "hi ${Plain}"}}, base64.b64encode(b"hi plain").decode()),
    ({"Fn::ToJsonString": {"a": {"Ref": "Plain"}, "gone": {"Ref": "AWS::NoValue"}, "ü": [1]}}, '{"a":"plain","ü":[1]}'),
    # Lists
    ({"Fn::Select": [1, ["a", "b"]]}, "b"),
    ({"Fn::Select": ["2", {"Fn::Split": ["/", "https://host/path"]}]}, "host"),
    ({"Fn::Select": [0, {"Ref": "Comma"}]}, "x"),
    ({"Fn::Split": [",", "a,,b"]}, ["a", "", "b"]),
    ({"Fn::Length": {"Fn::Split": ["|", "a|b|c"]}}, 3),
    ({"Fn::GetAZs": ""}, ["us-east-1a", "us-east-1b", "us-east-1c"]),
    ({"Fn::GetAZs": "eu-west-1"}, ["eu-west-1a", "eu-west-1b", "eu-west-1c"]),
    ({"Fn::Cidr": ["10.0.0.0/16", 3, "8"]}, ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"]),
    ({"Fn::Cidr": ["10.0.0.0/8", 1]}, ["10.0.0.0/24"]),
    # Choices
    ({"Fn::If": ["Yes", "then", "else"]}, "then"),
    ({"Fn::If": ["No", {"Fn::GetAtt": ["Nobody", "Arn"]}, "else"]}, "else"),
    ({"Fn::If": ["Number", 1, 0]}, 1),
    ({"Fn::If": ["Truth", 1, 0]}, 1),
    ({"Fn::If": ["Lists", 1, 0]}, 1),
    ({"Fn::If": ["Both", 1, 0]}, 1),
    ({"Fn::If": ["Either", 1, 0]}, 0),
    ({"Fn::FindInMap": ["Sizes", {"Ref": "AWS::Region"}, "memory"]}, 512),
    ({"Fn::FindInMap": ["Sizes", "us-east-1", "zones"]}, ["a", "b"]),
    ({"Fn::FindInMap": ["Sizes", "mars", "memory", {"DefaultValue": {"Ref": "Count"}}]}, "3"),
    # AWS::NoValue
    ({"kept": 1, "gone": {"Ref": "AWS::NoValue"}, "chosen": {"Fn::If": ["No", 1, {"Ref": "AWS::NoValue"}]}}, {"kept": 1}),
    (["a", {"Ref": "AWS::NoValue"}, "b"], ["a", "b"]),
    ({"Fn::Join": [",", ["a", {"Fn::If": ["No", "b", {"Ref": "AWS::NoValue"}]}]]}, "a"),
    # What only looks like an intrinsic
    ({"Condition": {"StringEquals": {"a": "b"}}}, {"Condition": {"StringEquals": {"a": "b"}}}),
    ({"Ref": "Plain", "Other": 1}, {"Ref": "Plain", "Other": 1}),
]


@pytest.mark.parametrize(("value", "expected"), CASES, ids=[str(case[0])[:70] for case in CASES])
def test_intrinsic_gives_what_cloudformation_gives(tmp_path: Path, value: Any, expected: Any) -> None:
    found = resolved(tmp_path, value, Resources=ROLE, Conditions=CONDITIONS, Mappings=MAPPINGS, Parameters=PARAMETERS)
    assert found == expected


WRONG: list[tuple[Any, str]] = [
    ({"Fn::Unheard": 1}, "not known here"),
    ({"Fn::Transform": {"Name": "AWS::Include"}}, "not known here"),
    ({"Ref": ["Role"]}, "Ref takes a name"),
    ({"Ref": "Nobody"}, "declares no Nobody"),
    ({"Ref": "Absent"}, "its condition is false"),
    ({"Ref": "Empty"}, "has no value"),
    ({"Fn::GetAtt": ["Role"]}, "Fn::GetAtt takes"),
    ({"Fn::GetAtt": ["Nobody", "Arn"]}, "declares no Nobody"),
    ({"Fn::GetAtt": ["Custom", "Endpoint"]}, "only the deployment"),
    ({"Fn::GetAtt": ["Custom", "Arn"]}, "only the deployment"),
    ({"Fn::GetAtt": ["Unknown", "Endpoint.Port"]}, "only the deployment"),
    ({"Fn::Join": ["", "text"]}, "is no list"),
    ({"Fn::Join": [""]}, "a list of 2"),
    ({"Fn::Join": ["", [{"Ref": "Comma"}]]}, "a text is needed"),
    ({"Fn::Sub": ["${a}"]}, "Fn::Sub takes"),
    ({"Fn::Sub": "${Nobody}"}, "declares no Nobody"),
    ({"Fn::Sub": "${Comma}"}, "a text is needed"),
    ({"Fn::Select": [5, ["a"]]}, "no element 5"),
    ({"Fn::Select": ["x", ["a"]]}, "no element x"),
    ({"Fn::Split": ["", "a"]}, "delimiter"),
    ({"Fn::Length": "text"}, "is no list"),
    ({"Fn::ToJsonString": "text"}, "neither object nor list"),
    ({"Fn::Cidr": ["10.0.0.0/30", 4, 8]}, "address blocks"),
    ({"Fn::Cidr": ["10.0.0.0/24", 5, 6]}, "holds 4 of 5"),
    ({"Fn::Cidr": ["10.0.0.0/8", 100000, 1]}, "1 to 256"),
    ({"Fn::Cidr": ["nowhere", 1, 8]}, "address blocks"),
    ({"Fn::If": ["Yes", 1]}, "Fn::If takes"),
    ({"Fn::If": ["Unheard", 1, 2]}, "no condition of this name"),
    ({"Fn::If": ["Odd", 1, 2]}, "no condition function"),
    ({"Fn::FindInMap": ["Sizes", "mars", "memory"]}, "no Sizes/mars/memory"),
    ({"Fn::FindInMap": ["Sizes"]}, "it takes [map"),
    ({"Fn::ImportValue": "shared"}, "no stack of this assembly exports it"),
    ({"Fn::GetStackOutput": {"StackName": "Other"}}, "StackName and OutputName"),
    ({"Fn::GetStackOutput": {"StackName": "Other", "OutputName": "X"}}, "no one stack Other"),
]


@pytest.mark.parametrize(("value", "reason"), WRONG, ids=[str(case[0])[:70] for case in WRONG])
def test_unresolvable_intrinsic_says_where_it_stands_and_why(tmp_path: Path, value: Any, reason: str) -> None:
    others = {
        **ROLE,
        "Custom": {"Type": "Custom::Thing", "Properties": {}},
        "Unknown": {"Type": "AWS::Fancy::Thing", "Properties": {}},
        "Absent": {"Type": "AWS::S3::Bucket", "Condition": "No"},
    }
    sections = {
        "Conditions": {**CONDITIONS, "Odd": {"Fn::Sub": "x"}},
        "Mappings": MAPPINGS,
        "Parameters": PARAMETERS,
    }
    probe = {"Type": "Test::Probe::Resource", "Properties": {"Outer": {"Inner": [value]}}}
    resource = load(tmp_path, {"Probe": probe, **others}, **sections).stack("App").resources["Probe"]
    with pytest.raises(UnresolvedIntrinsic, match="UNRESOLVED_INTRINSIC") as caught:
        _ = resource.properties["Outer"]
    assert reason in str(caught.value)
    assert caught.value.stack == "App"
    assert "\n" not in str(caught.value)
    if caught.value.resource == "Probe":
        assert caught.value.property_path.startswith("Outer.Inner.0")


def test_properties_beside_an_unresolvable_one_still_resolve(tmp_path: Path) -> None:
    resources = {
        "Custom": {"Type": "Custom::Thing"},
        "F": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "MemorySize": {"Fn::Join": ["", ["5", "12"]]},
                "Environment": {"Variables": {"GOOD": {"Ref": "AWS::Region"}, "BAD": {"Fn::GetAtt": ["Custom", "X"]}}},
            },
        },
    }
    function = load(tmp_path, resources).stack("App").resources["F"]
    assert function.properties["MemorySize"] == "512"
    assert function.property("Environment", "Variables", "GOOD") == "us-east-1"
    assert function.property("Environment", "Nothing", "Here", default="none") == "none"
    with pytest.raises(UnresolvedIntrinsic, match=r"F\.Environment\.Variables\.BAD"):
        _ = function.properties["Environment"]


def test_a_property_can_be_reached_through_an_intrinsic(tmp_path: Path) -> None:
    resources = {
        "F": {
            "Type": "AWS::Lambda::Function",
            "Properties": {"Environment": {"Fn::If": ["Yes", {"Variables": {"A": "1"}}, {"Ref": "AWS::NoValue"}]}},
        }
    }
    function = load(tmp_path, resources, Conditions=CONDITIONS).stack("App").resources["F"]
    assert function.property("Environment", "Variables", "A") == "1"


def test_a_property_that_is_no_value_is_not_there(tmp_path: Path) -> None:
    resources = {"F": {"Type": "T::T::T", "Properties": {"A": {"Ref": "AWS::NoValue"}, "B": 1}}}
    properties = load(tmp_path, resources).stack("App").resources["F"].properties
    assert dict(properties) == {"B": 1}
    assert len(properties) == 1
    assert "A" not in properties
    assert properties.get("A", "default") == "default"


@pytest.mark.parametrize(
    ("resources", "sections"),
    [
        (
            {
                "A": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": {"Ref": "B"}}},
                "B": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": {"Ref": "A"}}},
            },
            {},
        ),
        ({"A": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": {"Fn::GetAtt": ["A", "Arn"]}}}}, {}),
        (
            {"A": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": {"Fn::If": ["One", "a", "b"]}}}},
            {"Conditions": {"One": {"Condition": "Two"}, "Two": {"Condition": "One"}}},
        ),
        (
            {"A": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": {"Fn::ImportValue": "loop"}}}},
            {"Outputs": {"Loop": {"Value": {"Ref": "A"}, "Export": {"Name": "loop"}}}},
        ),
    ],
    ids=["names", "own attribute", "conditions", "outputs"],
)
def test_circle_of_references_is_an_error_not_a_hang(tmp_path: Path, resources: Any, sections: Any) -> None:
    stack = load(tmp_path, resources, **sections).stack("App")
    with pytest.raises(UnresolvedIntrinsic, match="refers to itself"):
        stack.ref("A")


def test_nesting_without_end_is_an_error(tmp_path: Path) -> None:
    value: Any = "x"
    for _ in range(150):
        value = {"Fn::Join": ["", [value]]}
    with pytest.raises(UnresolvedIntrinsic, match="more than 100 deep"):
        resolved(tmp_path, value)


def test_chain_of_references_is_bounded(tmp_path: Path) -> None:
    resources = {f"B{n}": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": {"Ref": f"B{n + 1}"}}} for n in range(200)} | {
        "B200": {"Type": "AWS::S3::Bucket"}
    }
    with pytest.raises(UnresolvedIntrinsic, match="longer than"):
        load(tmp_path, resources).stack("App").ref("B0")
