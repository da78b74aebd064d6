"""The project's own app, without what the local endpoint cannot deploy. Nothing but the tests here runs it.

An aspect takes those resources out just before the synthesis, and with them the update policies that name them; all else is
`app.py` as it stands.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import jsii
from aws_cdk import App, Aspects, CfnResource, IAspect
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_

from tests.e2e.left_out import METRIC_MATH, UNKNOWN

if TYPE_CHECKING:
    from constructs import IConstruct

ROOT = Path(__file__).parents[2]
TYPES = {left_out.type for left_out in UNKNOWN}


@jsii.implements(IAspect)
class LeaveOut:
    """Takes out what the endpoint does not know."""

    def visit(self, node: IConstruct) -> None:
        if isinstance(node, lambda_.CfnAlias):
            node.cfn_options.update_policy = None  # CodeDeploy's, which is left out
        for child in node.node.children:
            if is_unknown(child):
                node.node.try_remove_child(child.node.id)


def is_unknown(node: IConstruct) -> bool:
    if not CfnResource.is_cfn_resource(node):
        return False
    resource = cast("CfnResource", node)
    if resource.cfn_resource_type == METRIC_MATH.type:
        return cast("cloudwatch.CfnAlarm", resource).metrics is not None
    return resource.cfn_resource_type in TYPES


def synth(app: App, *arguments: Any, **options: Any) -> Any:
    Aspects.of(app).add(LeaveOut())
    return synth_all(app, *arguments, **options)


if __name__ == "__main__":
    synth_all, App.synth = App.synth, synth
    runpy.run_path(str(ROOT / "app.py"), run_name="__main__")
