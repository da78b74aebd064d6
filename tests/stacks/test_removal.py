"""What `cdk destroy` leaves of the examples: by default what a person would miss, and nothing where the context value asks for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack

from stacks.removal import apply_removal_policy

ROOT = Path(__file__).parents[2]
STACKS = ("ChatStack", "RecommendationsStack", "SummarizationStack")
SECONDS = 120
AUTO_DELETED = {"Key": "aws-cdk:auto-delete-objects", "Value": "true"}
KEPT_READERS = {"recommendations:keep-readers": "true"}

Template = dict[str, Any]


def app_with(folder: Path, context: dict[str, str]) -> dict[str, Template]:
    """The templates that `app.py` makes, by their stacks."""
    known = json.loads((ROOT / "cdk.json").read_text())["context"]
    given = json.dumps({**known, **KEPT_READERS, "stacks": ",".join(STACKS), **context})
    environment = {**os.environ, "CDK_OUTDIR": str(folder), "CDK_CONTEXT_JSON": given}
    done = subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return {name: json.loads((folder / f"{name}.template.json").read_text()) for name in STACKS}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    return app_with(tmp_path_factory.mktemp("kept"), {})


@pytest.fixture(scope="module")
def destroyed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    return app_with(tmp_path_factory.mktemp("destroyed"), {"removal-policy": "destroy"})


def of_type(templates: dict[str, Template], type: str) -> list[dict[str, Any]]:
    return [found for template in templates.values() for found in template["Resources"].values() if found["Type"] == type]


def kept_types(templates: dict[str, Template]) -> list[str]:
    """The types of what stays when a stack is deleted, without versions, which go with their function."""
    return sorted(
        found["Type"]
        for template in templates.values()
        for found in template["Resources"].values()
        if found.get("DeletionPolicy", "Delete") != "Delete" and found["Type"] != "AWS::Lambda::Version"
    )


def test_people_access_logs_and_a_table_that_was_asked_for_are_kept_unless_told_otherwise(kept: dict[str, Template]) -> None:
    assert kept_types(kept) == ["AWS::Cognito::UserPool", "AWS::DynamoDB::GlobalTable", "AWS::S3::Bucket"]
    [pool] = of_type(kept, "AWS::Cognito::UserPool")
    assert pool["Properties"]["DeletionProtection"] == "ACTIVE"
    assert of_type(kept, "Custom::S3AutoDeleteObjects") == [], "nothing can empty a bucket by accident"


def test_nothing_is_kept_where_the_context_value_asks_for_it(destroyed: dict[str, Template]) -> None:
    assert kept_types(destroyed) == []


def test_nothing_stands_against_the_deletion_of_people(destroyed: dict[str, Template]) -> None:
    [pool] = of_type(destroyed, "AWS::Cognito::UserPool")
    assert (pool["DeletionPolicy"], pool["Properties"]["DeletionProtection"]) == ("Delete", "INACTIVE")
    tables = [*of_type(destroyed, "AWS::DynamoDB::Table"), *of_type(destroyed, "AWS::DynamoDB::GlobalTable")]
    assert len(tables) == 2
    assert '"DeletionProtectionEnabled": true' not in json.dumps(tables)


def test_each_bucket_is_emptied_before_it_is_deleted(destroyed: dict[str, Template]) -> None:
    for template in destroyed.values():
        resources = template["Resources"]
        buckets = {name for name, found in resources.items() if found["Type"] == "AWS::S3::Bucket"}
        emptied = {
            found["Properties"]["BucketName"]["Ref"]
            for found in resources.values()
            if found["Type"] == "Custom::S3AutoDeleteObjects"
        }
        assert emptied == buckets
        assert all(AUTO_DELETED in resources[name]["Properties"]["Tags"] for name in buckets), "or the function lets it be"
    assert len(of_type(destroyed, "AWS::S3::Bucket")) >= 2


def test_what_empties_buckets_leaves_no_log_behind(destroyed: dict[str, Template]) -> None:
    """Lambda makes a log group of its own where a function has none and may make one; no stack deletes that."""
    for name in ("ChatStack", "SummarizationStack"):
        resources = destroyed[name]["Resources"]
        [function] = [
            found for key, found in resources.items() if "S3AutoDelete" in key and found["Type"] == "AWS::Lambda::Function"
        ]
        group = function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
        assert resources[group]["DeletionPolicy"] == "Delete"
        role = resources[function["Properties"]["Role"]["Fn::GetAtt"][0]]["Properties"]
        assert "ManagedPolicyArns" not in role
        assert "logs:CreateLogGroup" not in json.dumps(role)


def test_versions_stay_for_rollbacks_in_both(kept: dict[str, Template], destroyed: dict[str, Template]) -> None:
    for templates in (kept, destroyed):
        versions = of_type(templates, "AWS::Lambda::Version")
        assert len(versions) == len(STACKS)
        assert {version["DeletionPolicy"] for version in versions} == {"Retain"}


def test_another_word_is_refused() -> None:
    app = App(context={"removal-policy": "delete"})
    Stack(app, "Any")
    with pytest.raises(ValueError, match="^REMOVAL_POLICY: removal-policy is 'delete'; it is retain or destroy"):
        apply_removal_policy(app)
