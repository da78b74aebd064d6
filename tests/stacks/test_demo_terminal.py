"""What the demos write fits into the terminal, and ends politely."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tools import terminal

ROOT = Path(__file__).parents[2]
TEXT = "The sky is blue because of a process called Rayleigh scattering, where light meets tiny molecules of air.\n\nSo it is."


@pytest.fixture(autouse=True)
def columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_words_that_come_in_pieces_are_broken_between_words(size: int, capsys: pytest.CaptureFixture[str]) -> None:
    words = terminal.Words()
    for start in range(0, len(TEXT), size):
        words.write(TEXT[start : start + size])
    assert words.end()
    written = capsys.readouterr().out
    assert max(map(len, written.splitlines())) <= 40
    assert written.split() == TEXT.split()
    assert "\n\nSo it is.\n" in written


def test_a_word_longer_than_a_line_is_written_whole(capsys: pytest.CaptureFixture[str]) -> None:
    words = terminal.Words()
    words.write(f"a {'x' * 60} b")
    assert words.end()
    assert capsys.readouterr().out.splitlines() == ["a ", "x" * 60, "b"]


def test_nothing_is_written_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    words = terminal.Words()
    words.write(" ")
    assert not words.end()
    assert capsys.readouterr().out == ""


def test_lines_are_cut_and_wrapped_to_the_terminal() -> None:
    assert len(terminal.cut("x" * 200)) == 40
    assert terminal.cut("x" * 40) == "x" * 40
    lines = terminal.wrapped(TEXT, indent=4).splitlines()
    assert max(map(len, lines)) <= 40
    assert all(line.startswith("    ") for line in lines[1:])


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_demo_that_is_stopped_leaves_its_blocks_and_shows_no_traceback(sent: signal.Signals) -> None:
    script = """
import sys, time
from tools import terminal

def main():
    try:
        print("begun", flush=True)
        time.sleep(30)
    finally:
        print("left", flush=True)

sys.exit(terminal.run(main))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        os.kill(process.pid, sent)
        out, error = process.communicate(timeout=20)
    finally:
        process.kill()
    assert (out, error, process.returncode) == ("left\n", "\nStopped.\n", 130)


def test_a_terminal_without_bars_is_no_reason_to_fail() -> None:
    script = "import sys; from tools import terminal; sys.exit(terminal.run(lambda: print('\\u2588') or 0))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=20,
        check=True,
    )
    assert done.stdout == b"?\n"
