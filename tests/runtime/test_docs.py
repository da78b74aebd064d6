"""The handler author's guide: its examples run, and its table of settings is that of the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from constructs_pkg.limits import StreamLimits
from streaming_runtime import handler as handlers
from streaming_runtime.checks import MOST_BYTES
from streaming_runtime.compression import SMALLEST
from streaming_runtime.deadline import GRACE_SECONDS
from streaming_runtime.dialects import MODULES
from streaming_runtime.dialects.redacted import MOST_WAITING
from streaming_runtime.events import FINISH_REASONS
from streaming_runtime.pacing import QUIET_SECONDS
from streaming_runtime.redaction import Redaction
from streaming_runtime.redaction_patterns import PATTERNS
from streaming_runtime.schema import _READERS, _SILENT
from streaming_runtime.settings import ALL, CHOICES
from tests.runtime.neutral_api import RUNTIME_ROOT, url_event

if TYPE_CHECKING:
    from tests.runtime.conftest import Start

PAGE = (Path(__file__).parents[2] / "docs" / "runtime.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.M | re.S)
BODY = '{"text": "hello there"}'
AWS = {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "none"}
# Where the environment is read by name: what is not in the table is Lambda's or AWS's own.
ENVIRONMENT = re.compile(r'"(STREAM_[A-Z_]+)"')


def rows(heading: str) -> dict[str, list[str]]:
    """The table below a heading, by its first column."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = re.findall(r"^\| (.*) \|$", section, re.M)
    return {cells[0].strip("`"): cells[1:] for cells in (line.split(" | ") for line in lines)}


@pytest.mark.parametrize("example", [pytest.param(text, id=str(number)) for number, text in enumerate(EXAMPLES)])
def test_the_example_runs(start: Start, example: str) -> None:
    runtime = start(example, environment=AWS)
    if "bedrock" in example:
        runtime.await_next()  # it starts; there is no Bedrock here to ask
        return
    reply = runtime.invoke(url_event("POST", body=BODY, headers={"content-type": "application/json"}))
    assert (reply.status, reply.trailers) == (200, {})
    assert reply.body


def test_the_guide_has_an_example_of_each_thing() -> None:
    assert len(EXAMPLES) >= 10
    assert all("handler" in example for example in EXAMPLES)


def test_what_the_redaction_example_is_said_to_send(start: Start) -> None:
    [example] = [text for text in EXAMPLES if "TICKET" in text]
    reply = start(example).invoke(url_event())
    texts = re.findall(rb'"text":"([^"]*)"', reply.body)
    said = re.search(r"^sends (.*?)\. Just", PAGE, re.M)
    assert said is not None
    assert re.findall(r"`([^`]+)`", said[1]) == ["Ask ", "[EMAIL] ", "about ", "[TICKET]. "]
    assert b"".join(texts) == b"Ask [EMAIL] about [TICKET]. "


def test_every_setting_is_in_the_table_as_the_code_has_it() -> None:
    table = rows("Settings")
    for setting in ALL:
        unit, default, range_, *_ = table[setting.name]
        also = "" if setting.also is None else f", or {setting.also}"
        assert (unit, default, range_) == (
            setting.unit,
            "none" if setting.default is None else str(setting.default),
            f"{setting.low} to {setting.high}{also}",
        )
    for choice in CHOICES:
        unit, default, range_, *_ = table[choice.name]
        assert (unit, default, range_) == (
            "words, with commas" if choice.many else "word",
            choice.default or "none",
            ", ".join(choice.allowed),
        )


def test_every_setting_that_the_runtime_reads_or_the_constructs_set_is_in_the_table_and_no_other() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (RUNTIME_ROOT / "python" / "streaming_runtime").rglob("*.py")]
    read = {name for source in sources for name in ENVIRONMENT.findall(source)}
    table = {name for name in rows("Settings") if name.startswith("STREAM_")}
    assert table == read
    assert set(StreamLimits(max_duration_seconds=1, redact=("email",)).to_environment()) <= table


def test_dialects_patterns_keywords_and_parameters_are_all_named() -> None:
    assert [name.partition("`")[0] for name in rows("Dialects") if name not in ("dialect", "---")] == list(MODULES)
    patterns = rows("Redaction")
    assert [name for name in patterns if name in PATTERNS] == list(PATTERNS)
    for name in PATTERNS:
        assert str(Redaction([name]).automaton.longest) in patterns[name][-1]
    checks = re.sub(r"```.*?```", "", PAGE.partition("\n## Checks before")[2].partition("\n## ")[0], flags=re.S)
    assert {*_READERS, *_SILENT} <= set(re.findall(r"`([^`]+)`", checks))
    assert f"1 to {MOST_BYTES}" in checks
    assert f"within {QUIET_SECONDS * 1e6:.0f} µs" in PAGE
    assert f"given {GRACE_SECONDS:.0f} seconds" in PAGE
    assert f"from {SMALLEST // 1024} KB on" in PAGE
    assert f"more than {MOST_WAITING} wait" in PAGE
    assert all(f"`{reason}`" in PAGE for reason in FINISH_REASONS)
    parameters = handlers.streaming_handler.__kwdefaults__ or {}
    assert [name for name in parameters if f"{name}=" not in PAGE and name not in ("resumable", "caller")] == []
