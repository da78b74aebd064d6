"""The chat stack's template: one reviewed snapshot, and the promises that matter most said by name."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.stacks.snapshot import assert_matches_snapshot

if TYPE_CHECKING:
    from tests.stacks.conftest import Synthesized

ROOT = Path(__file__).parents[2]


def of_type(template: dict[str, Any], type: str) -> list[dict[str, Any]]:
    return [resource["Properties"] for resource in template["Resources"].values() if resource["Type"] == type]


def test_the_template_is_the_reviewed_one(chat: Synthesized) -> None:
    assert_matches_snapshot("ChatStack", chat.template)


def test_the_execution_role_may_stream_from_the_named_models_log_and_trace_and_nothing_else(chat: Synthesized) -> None:
    [policy] = [
        found["PolicyDocument"]
        for found in of_type(chat.template, "AWS::IAM::Policy")
        if "Role" in str(found["Roles"]) and "Caller" not in str(found["Roles"])
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
        "bedrock:InvokeModelWithResponseStream",
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
    assert not [role for role in of_type(chat.template, "AWS::IAM::Role") if role.get("ManagedPolicyArns")]


def test_the_caller_role_has_both_permissions(chat: Synthesized) -> None:
    [policy] = [found for found in of_type(chat.template, "AWS::IAM::Policy") if "Caller" in str(found["Roles"])]
    assert sorted(statement["Action"] for statement in policy["PolicyDocument"]["Statement"]) == [
        "lambda:InvokeFunction",
        "lambda:InvokeFunctionUrl",
    ]


def test_cfn_lint_finds_nothing(chat: Synthesized) -> None:
    command = [str(Path(sys.executable).parent / "cfn-lint"), str(chat.directory / "ChatStack.template.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout


def test_handlers_import_the_runtime_their_neighbours_and_their_own_requirements_alone() -> None:
    for handler in ROOT.glob("stacks/*/handler"):
        allowed = {"streaming_runtime", *sys.stdlib_module_names, *(path.stem for path in handler.glob("*.py"))}
        allowed |= {"boto3", "botocore"}  # Lambda ships them
        requirements = handler / "requirements.txt"
        if requirements.is_file():
            allowed |= {line.partition("==")[0].strip() for line in requirements.read_text().splitlines()}
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
