"""The speech stack's template: one reviewed snapshot, and what must hold whatever else changes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, Duration

from stacks import costs
from stacks.speech import cost
from stacks.speech.stack import SpeechStack
from tests.stacks.conftest import synthesize
from tests.stacks.pages import assert_shows
from tests.stacks.snapshot import assert_matches_snapshot

if TYPE_CHECKING:
    from tests.stacks.conftest import Synthesized


def test_the_template_is_the_reviewed_one(speech: Synthesized) -> None:
    assert_matches_snapshot("SpeechStack", speech.template)


def test_cfn_lint_finds_nothing(speech: Synthesized) -> None:
    command = [str(Path(sys.executable).parent / "cfn-lint"), str(speech.directory / "SpeechStack.template.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stdout


def allowed(synthesized: Synthesized, role: str) -> dict[str, Any]:
    """What the policies of a role allow, and on what, but for logs and traces."""
    found: dict[str, Any] = {}
    for policy in synthesized.of_type("AWS::IAM::Policy"):
        if role in str(policy["Roles"]):
            for statement in policy["PolicyDocument"]["Statement"]:
                given = statement["Action"]
                found |= dict.fromkeys([given] if isinstance(given, str) else given, statement["Resource"])
    return {action: resource for action, resource in found.items() if not action.startswith(("logs:", "xray:"))}


def test_the_function_may_read_recordings_and_ask_transcribe(speech: Synthesized) -> None:
    found = allowed(speech, "TranscriptsRole")
    assert found.keys() == {"s3:GetObject", "transcribe:StartStreamTranscription"}
    assert "/recordings/*" in str(found["s3:GetObject"])


def test_no_more_recordings_at_a_time_than_transcribe_hears(speech: Synthesized) -> None:
    [function] = speech.of_type("AWS::Lambda::Function")
    assert function["ReservedConcurrentExecutions"] == 25
    assert (function["Timeout"], function["Environment"]["Variables"]["MOST_SECONDS"]) == (660, "600")


def test_a_function_ships_the_packages_of_its_recogniser_alone(speech: Synthesized, tmp_path: Path) -> None:
    local = synthesize(tmp_path, SpeechStack, context={"speech:recogniser": "pocketsphinx"})
    for synthesized, there, absent in (
        (speech, "aws_sdk_transcribe_streaming", "pocketsphinx"),
        (local, "pocketsphinx", "smithy_core"),
    ):
        [code] = [found.parent for found in synthesized.directory.glob("asset.*/index.py")]
        assert (code / there).is_dir()
        assert not (code / absent).exists()
    [function] = local.of_type("AWS::Lambda::Function")
    assert function["MemorySize"] == 1769
    assert "ReservedConcurrentExecutions" not in function
    assert allowed(local, "TranscriptsRole").keys() == {"s3:GetObject"}
    assert_shows("speech", "local", costs.table(cost.thousand_streams(local.template)))


def test_a_context_value_makes_it_a_container_image(tmp_path: Path) -> None:
    context = {"speech:package": "image", "speech:language": "de-DE", "speech:most-streams": "3"}
    image = synthesize(tmp_path, SpeechStack, context=context)
    [function] = image.of_type("AWS::Lambda::Function")
    assert function["PackageType"] == "Image"
    assert function["ImageConfig"] == {"Command": ["index.handler"]}
    assert "Layers" not in function
    assert (function["Environment"]["Variables"]["LANGUAGE"], function["ReservedConcurrentExecutions"]) == ("de-DE", 3)
    [dockerfile] = image.directory.glob("asset.*/Dockerfile")
    assert (dockerfile.parent / "function" / "by_transcribe.py").is_file()
    assert (dockerfile.parent / "function" / "awscrt").is_dir()
    assert (dockerfile.parent / "runtime" / "streaming_runtime").is_dir()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"recogniser": "whisper"}, "^RECOGNISER: recogniser is 'whisper'; it is transcribe or pocketsphinx"),
        ({"package": "wheel"}, "^PACKAGE: package is 'wheel'; it is zip or image"),
        ({"longest": Duration.minutes(15)}, "^LONGEST: longest is 900 seconds"),
    ],
)
def test_what_cannot_be_is_refused(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SpeechStack(App(), "Refused", **arguments)


def test_the_page_shows_what_the_template_costs(speech: Synthesized) -> None:
    assert_shows("speech", "streams", costs.table(cost.thousand_streams(speech.template)))
    assert sum(line.dollars for line in cost.thousand_streams(speech.template)) == pytest.approx(
        60_000 * 0.024 / 60 + 61_000 * 0.5 * 0.0000133334 + 1_000 * 0.2e-6
    )
