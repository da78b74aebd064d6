"""StreamStore: the table behind cancel and resume."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, Duration, Environment, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Match, Template

from constructs_pkg.defaults import StreamingDefaults
from constructs_pkg.stream_store import StreamStore

if TYPE_CHECKING:
    from collections.abc import Callable

TABLE = "AWS::DynamoDB::Table"


def make_function(stack: Stack) -> lambda_.Function:
    return lambda_.Function(
        stack,
        "Plain",
        code=lambda_.Code.from_inline("def handler(event, context): return 1"),
        handler="index.handler",
        runtime=lambda_.Runtime.PYTHON_3_13,
    )


def table_of(stack: Stack) -> dict[str, Any]:
    [table] = Template.from_stack(stack).find_resources(TABLE).values()
    return table


def statements(stack: Stack) -> list[dict[str, Any]]:
    policies = Template.from_stack(stack).find_resources("AWS::IAM::Policy").values()
    return [statement for policy in policies for statement in policy["Properties"]["PolicyDocument"]["Statement"]]


# What it makes


def test_the_table_is_the_one_that_the_runtime_expects(stack: Stack) -> None:
    StreamStore(stack, "Store")
    properties = table_of(stack)["Properties"]
    assert properties["KeySchema"] == [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
    assert {a["AttributeName"]: a["AttributeType"] for a in properties["AttributeDefinitions"]} == {"pk": "S", "sk": "S"}
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert "TableName" not in properties


def test_by_default_it_goes_with_its_stack(stack: Stack) -> None:
    StreamStore(stack, "Store")
    assert table_of(stack)["DeletionPolicy"] == "Delete"
    assert table_of(stack)["Properties"].get("DeletionProtectionEnabled", False) is False


def test_it_can_be_protected_and_kept_and_do_without_recovery(stack: Stack) -> None:
    StreamStore(stack, "Store", deletion_protection=True, removal_policy=RemovalPolicy.RETAIN, point_in_time_recovery=False)
    table = table_of(stack)
    assert table["DeletionPolicy"] == "Retain"
    assert table["Properties"]["DeletionProtectionEnabled"] is True
    assert table["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": False}


def test_by_default_aws_owns_the_key(stack: Stack) -> None:
    StreamStore(stack, "Store")
    assert "SSESpecification" not in table_of(stack)["Properties"]  # DynamoDB encrypts every table; this says with its own key


def test_a_key_of_your_own_encrypts_it_and_may_be_used_by_whom_it_serves(stack: Stack) -> None:
    key = kms.Key(stack, "Key")
    StreamStore(stack, "Store", encryption_key=key).attach_to(make_function(stack))
    assert table_of(stack)["Properties"]["SSESpecification"] == {
        "KMSMasterKeyId": stack.resolve(key.key_arn),
        "SSEEnabled": True,
        "SSEType": "KMS",
    }
    [usage] = [s for s in statements(stack) if "kms:Decrypt" in s["Action"]]
    assert usage["Resource"] == stack.resolve(key.key_arn)


def test_the_organisations_key_is_used_where_none_is_given(stack: Stack) -> None:
    key = kms.Key(stack, "Key")
    StreamingDefaults.set(stack, encryption_key=key)
    StreamStore(stack, "Store")
    assert table_of(stack)["Properties"]["SSESpecification"]["KMSMasterKeyId"] == stack.resolve(key.key_arn)


# What a function gets


def test_attaching_lets_the_function_use_items_and_nothing_else(stack: Stack) -> None:
    store = StreamStore(stack, "Store")
    store.attach_to(make_function(stack))
    assert statements(stack) == [
        {
            "Effect": "Allow",
            "Action": ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"]
            if stack.node.try_get_context("@aws-cdk/aws-iam:minimizePolicies")
            else ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:Query"],
            "Resource": stack.resolve(store.table.table_arn),
        }
    ]


def test_attaching_tells_the_runtime_where_and_how_long(stack: Stack) -> None:
    store = StreamStore(stack, "Store", retention=Duration.minutes(30), streams_per_caller=4)
    store.attach_to(make_function(stack))
    Template.from_stack(stack).has_resource_properties(
        "AWS::Lambda::Function",
        {
            "Environment": {
                "Variables": {
                    "STREAM_STORE_TABLE": stack.resolve(store.table.table_name),
                    "STREAM_STORE_RETENTION_SECONDS": "1800",
                    "STREAM_STORE_STREAMS_PER_CALLER": "4",
                }
            }
        },
    )


def test_without_a_bound_the_runtime_is_told_of_none(stack: Stack) -> None:
    StreamStore(stack, "Store").attach_to(make_function(stack))
    Template.from_stack(stack).has_resource_properties(
        "AWS::Lambda::Function",
        {
            "Environment": {
                "Variables": {"STREAM_STORE_RETENTION_SECONDS": "3600", "STREAM_STORE_STREAMS_PER_CALLER": Match.absent()}
            }
        },
    )


def test_anyone_else_can_be_granted_the_same(stack: Stack) -> None:
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    assert StreamStore(stack, "Store").grant_read_write(role).success
    assert len(statements(stack)) == 1


def test_a_store_serves_functions_of_other_stacks(flags: dict[str, Any]) -> None:
    app = App(builtin_cloud_formation_validation=False, tree_metadata=False, context=flags)
    env = Environment(account="123456789012", region="eu-west-1")
    store = StreamStore(Stack(app, "Data", env=env), "Store")
    code = Stack(app, "Code", env=env)
    store.attach_to(make_function(code))
    assert statements(code)[0]["Effect"] == "Allow"


# What it refuses


@pytest.mark.parametrize(
    "retention",
    [Duration.seconds(59), Duration.days(8), Duration.millis(90_500)],
)
def test_a_retention_out_of_range_is_refused(retention: Duration, make_stack: Callable[..., Stack]) -> None:
    with pytest.raises(ValueError, match="^STORE_RETENTION: "):
        StreamStore(make_stack(), "Store", retention=retention)


@pytest.mark.parametrize("retention", [Duration.minutes(1), Duration.days(7)])
def test_the_bounds_of_the_retention_are_allowed(retention: Duration, make_stack: Callable[..., Stack]) -> None:
    assert StreamStore(make_stack(), "Store", retention=retention).retention is retention


@pytest.mark.parametrize("streams", [0, 1001, 1.5, True, "2"])
def test_a_bound_per_caller_out_of_range_is_refused(streams: Any, make_stack: Callable[..., Stack]) -> None:
    with pytest.raises(ValueError, match="^STORE_STREAMS_PER_CALLER: "):
        StreamStore(make_stack(), "Store", streams_per_caller=streams)


def test_a_table_that_could_not_go_with_its_stack_is_refused(make_stack: Callable[..., Stack]) -> None:
    with pytest.raises(ValueError, match="^STORE_PROTECTED_AND_DESTROYED: "):
        StreamStore(make_stack(), "Store", deletion_protection=True)


def test_a_second_store_on_a_function_is_refused(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    function = make_function(stack)
    StreamStore(stack, "One").attach_to(function)
    with pytest.raises(ValueError, match="^STORE_ALREADY_ATTACHED: "):
        StreamStore(stack, "Two").attach_to(function)


def test_an_imported_function_is_refused(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    function = lambda_.Function.from_function_name(stack, "F", "there")
    with pytest.raises(ValueError, match="^STORE_ON_IMPORTED: "):
        StreamStore(stack, "Store").attach_to(function)  # type: ignore[arg-type]


# What the runtime reads and does: tests/runtime/test_store_table.py holds it against the same contract

CONTRACT = json.loads((Path(__file__).parents[1] / "contract" / "store.json").read_text(encoding="utf-8"))


def test_what_is_granted_is_what_the_runtime_needs(stack: Stack) -> None:
    StreamStore(stack, "Store").attach_to(make_function(stack))
    [statement] = statements(stack)
    assert sorted(statement["Action"]) == CONTRACT["actions"]


def test_what_is_set_is_what_the_runtime_reads(stack: Stack) -> None:
    assert set(StreamStore(stack, "Store", streams_per_caller=1).environment) == set(CONTRACT["variables"])


def test_ranges_and_defaults_are_the_runtimes(make_stack: Callable[..., Stack]) -> None:
    retention = CONTRACT["variables"]["STREAM_STORE_RETENTION_SECONDS"]
    streams = CONTRACT["variables"]["STREAM_STORE_STREAMS_PER_CALLER"]
    for number, (seconds, count) in enumerate(((retention["low"], streams["low"]), (retention["high"], streams["high"]))):
        store = StreamStore(make_stack(), f"Store{number}", retention=Duration.seconds(seconds), streams_per_caller=count)
        assert store.environment["STREAM_STORE_RETENTION_SECONDS"] == str(seconds)
        assert store.environment["STREAM_STORE_STREAMS_PER_CALLER"] == str(count)
    store = StreamStore(make_stack(), "Store")
    assert store.environment["STREAM_STORE_RETENTION_SECONDS"] == str(retention["default"])
    assert store.streams_per_caller is streams["default"]
