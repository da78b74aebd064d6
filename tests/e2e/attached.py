"""The app's assembly, with the names that the deployment gave: the emulator on it uses the resources that stand there."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.cdk import Project
    from tests.e2e.deployed import Deployed

NAMES: Final = {
    "AWS::DynamoDB::GlobalTable": "TableName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::IAM::Role": "RoleName",
    "AWS::Kinesis::Stream": "Name",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::S3::Bucket": "BucketName",
}
"""Types whose physical id is the name that a property can give."""


def attach(project: Project, stacks: dict[str, Deployed], target: Path) -> Path:
    """Copies the assembly to `target`, its templates whole, with names for what was deployed. Returns `target`."""
    shutil.copytree(project.assembly, target, symlinks=True)
    for name, template in project.whole_templates.items():
        for logical_id, resource in template["Resources"].items():
            if resource["Type"] in NAMES:
                resource.setdefault("Properties", {})[NAMES[resource["Type"]]] = stacks[name].resources[logical_id].physical_id
        (target / f"{name}.template.json").write_text(json.dumps(template))
    return target
