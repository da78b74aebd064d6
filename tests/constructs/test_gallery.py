"""Every construct in its fullest form, in one app, before every checker there is; a warning counts as a finding."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest
from aws_cdk import App, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from cdk_nag import AwsSolutionsChecks, ServerlessChecks
from cfnlint.api import lint_file

from constructs_pkg import BrowserIdentity, StreamingChecks, StreamingCode, StreamingDistribution, StreamingFunction
from constructs_pkg._checks import Acknowledgements, check
from constructs_pkg._edge_signer import CONTENT_HASH_SOURCE
from constructs_pkg._enforced_defaults import DEFAULTS_CODE, enforced_defaults
from constructs_pkg.assembly import CloudAssembly
from tests.gallery.app import MEANT_SO, build
from tests.gallery.base import ORIGIN, VIRGINIA

from .conftest import FLAGS, ROOT

if TYPE_CHECKING:
    from pathlib import Path

STRICT: Final = {**FLAGS, "@aws-cdk/core:strictCfnValidateErrors": True}
"""Beside what every app here has: warnings fail the synthesis too, CDK's own and CloudFormation's validator's among them."""
SHORTEST_REASON: Final = 20


@dataclass(frozen=True)
class Gallery:
    app: App
    directory: Path

    @property
    def templates(self) -> list[Path]:
        return sorted(self.directory.glob("*.template.json"))

    @property
    def acknowledgements(self) -> dict[tuple[str, str], str]:
        """(rule, construct path): reason, of each that was made by a construct or by the gallery."""
        return {
            (rule, construct.node.path): reason
            for construct in self.app.node.find_all()
            for entry in construct.node.metadata
            if entry.type == Validations.ACKNOWLEDGED_RULES_METADATA_KEY
            for rule, reason in entry.data.items()
        }

    @property
    def suppressed(self) -> set[tuple[str, str]]:
        """(rule, construct path) of each acknowledgement that a finding was one of."""
        report = json.loads((self.directory / "validation-report.json").read_text())
        return {
            (finding["acknowledgedId"], finding["acknowledgedAt"])
            for plugin in report["pluginReports"]
            for finding in plugin.get("suppressedViolations", [])
        }


def strict_app(directory: Path) -> App:
    app = App(context=STRICT, outdir=str(directory), tree_metadata=False, builtin_cloud_formation_validation=True)
    Validations.of(app).add_plugins(AwsSolutionsChecks(), ServerlessChecks())
    return app


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    """cdk-nag's packs, CloudFormation's validator and StreamingChecks look on; what any of them finds fails the synthesis."""
    directory = tmp_path_factory.mktemp("gallery") / "cdk.out"
    app = strict_app(directory)
    build(app)
    app.synth()
    return Gallery(app, directory)


@pytest.mark.timeout(300)
def test_neither_cdk_nag_nor_cloudformations_validator_nor_our_checks_find_anything(gallery: Gallery) -> None:
    assert {template.name.removesuffix(".template.json") for template in gallery.templates} == {
        *("Kinds", "Chat", "FrontsThere", "FrontsThere-us-east-1", "FrontsHere", "Blocks", "Watch", "Anywhere", "Imports")
    }


@pytest.mark.timeout(300)
def test_cfn_lint_finds_nothing(gallery: Gallery) -> None:
    assert [match for template in gallery.templates for match in lint_file(template)] == []


def test_every_acknowledgement_has_a_reason(gallery: Gallery) -> None:
    """cdk-nag itself takes an empty one."""
    reasons = gallery.acknowledgements
    assert reasons
    assert [key for key, reason in reasons.items() if len(reason) < SHORTEST_REASON] == []


def test_every_acknowledgement_is_of_something_that_is_found(gallery: Gallery) -> None:
    assert set(gallery.acknowledgements) - gallery.suppressed == set()
    ours = Acknowledgements.parse(MEANT_SO, more_codes=[DEFAULTS_CODE])
    report = check(CloudAssembly.load(gallery.directory), acknowledged=ours, more=enforced_defaults(gallery.app))
    assert report.unused == ()
    assert {finding.code for finding in report.acknowledged} == {DEFAULTS_CODE}
    assert report.findings == ()


def test_the_same_checkers_do_find_what_is_wrong(tmp_path: Path) -> None:
    app = strict_app(tmp_path / "cdk.out")
    stack = Stack(app, "Wrong")
    function = lambda_.Function(
        stack,
        "Function",
        code=lambda_.Code.from_inline("def handler(event, context): ..."),
        handler="index.handler",
        runtime=lambda_.Runtime.PYTHON_3_11,
    )
    function.add_to_role_policy(iam.PolicyStatement(actions=["s3:*"], resources=["*"]))
    resource = function.node.default_child
    assert isinstance(resource, lambda_.CfnFunction)
    resource.memory_size = 1
    lambda_.FunctionUrl(
        stack,
        "Url",
        function=function,
        auth_type=lambda_.FunctionUrlAuthType.AWS_IAM,
        invoke_mode=lambda_.InvokeMode.RESPONSE_STREAM,
    )
    Validations.of(app).add_plugins(StreamingChecks())
    with pytest.raises(RuntimeError) as failed:
        app.synth()
    found = str(failed.value)
    assert "AwsSolutions-L1" in found
    assert "Serverless-LambdaDLQ" in found
    assert "StreamingChecks::RUNTIME_BUFFERS" in found
    assert "CloudFormation-Validate::F3034" in found  # MemorySize below the minimum


def test_what_is_the_stacks_to_decide_is_left_to_it(entry: Path, tmp_path: Path) -> None:
    """Countries, a certificate of one's own, and what others grant too widely: no construct of ours hushes that."""
    app = strict_app(tmp_path / "cdk.out")
    stack = Stack(app, "Fronts", env=VIRGINIA)
    chat = StreamingFunction(
        stack, "Chat", code=StreamingCode.python(entry, runtime=lambda_.Runtime.PYTHON_3_14), cors=BrowserIdentity.cors(ORIGIN)
    )
    chat.function.add_to_role_policy(iam.PolicyStatement(actions=["s3:GetObject"], resources=["*"]))
    StreamingDistribution(stack, "Cdn", url=chat.url)
    with pytest.raises(RuntimeError) as failed:
        app.synth()
    assert set(re.findall(r"Acknowledge with '[^:]+::([^']+)'", str(failed.value))) == {
        "AwsSolutions-CFR1",
        "AwsSolutions-CFR4",
        "AwsSolutions-IAM5[Resource::*]",
    }


def test_bandit_finds_nothing_in_any_handler() -> None:
    handlers = [ROOT / "tests" / "gallery" / "code", *ROOT.glob("stacks/*/handler"), ROOT / "constructs_pkg" / "runtime"]
    command = [
        sys.executable,
        "-m",
        "bandit",
        "--quiet",
        "--format",
        "json",
        "--skip",
        "B101",
        "--recursive",
        *map(str, handlers),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, cwd=ROOT)
    report: dict[str, Any] = json.loads(done.stdout)
    assert [(one["filename"], one["line_number"], one["test_id"]) for one in report["results"]] == []
    assert report["errors"] == []
    assert len(report["metrics"]) > 1


def test_the_edge_code_loads_the_hash_function_and_nothing_else_and_runs_no_text_as_code() -> None:
    """Bandit reads Python alone; this is what it would ask of the one JavaScript file that runs at the edge."""
    source = CONTENT_HASH_SOURCE.read_text()
    assert re.findall(r"require\(([^)]*)\)", source) == ['"node:crypto"']
    assert not re.search(r"\b(eval|Function|import|globalThis|process|fetch|setTimeout|WebAssembly)\b", source)
