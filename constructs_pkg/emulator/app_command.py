"""Synthesizes an app by its own command, as the CDK CLI does, so that no CDK CLI is needed.

The contract is the CLI's: the command gets CDK_OUTDIR and CDK_CONTEXT_JSON and writes a cloud assembly.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

SYNTH_SECONDS = 600.0

_STDERR = 2


class AppFailed(Exception):
    """The app's command gave no assembly. The text is one line."""


def read_cdk_json(folder: Path) -> dict[str, Any]:
    """The `cdk.json` of a folder; empty where there is none.

    Raises:
        AppFailed: it is no JSON object.
    """
    path = folder / "cdk.json"
    if not path.is_file():
        return {}
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise AppFailed(f"CDK_JSON_UNREADABLE: {path} is not JSON: {error}; correct it") from error
    if not isinstance(document, dict):
        raise AppFailed(f"CDK_JSON_UNREADABLE: {path} is not a JSON object; correct it")
    return document


def synthesize(command: str, outdir: Path, context: dict[str, Any]) -> None:
    """Runs an app's command. What it prints goes to standard error.

    Args:
        command: A shell command line, as `app` of cdk.json is one.
        outdir: Where the assembly goes.
        context: The `context` object of cdk.json.

    Raises:
        AppFailed: it fails, takes too long, or writes no assembly.
    """
    environment = {**os.environ, "CDK_OUTDIR": str(outdir), "CDK_CONTEXT_JSON": json.dumps(context)}
    # A shell, since that is what the CLI runs `app` with; the command is the person's own. A group of its own, to end it whole.
    # By its number, since what a test run puts in place of sys.stderr may have none.
    app = subprocess.Popen(command, shell=True, env=environment, stdout=_STDERR, start_new_session=True)  # noqa: S602  # nosec B602
    try:
        status = app.wait(SYNTH_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise AppFailed(f"APP_TOO_SLOW: {command!r} took longer than {SYNTH_SECONDS:.0f} s") from error
    finally:
        if app.returncode is None:
            os.killpg(app.pid, signal.SIGKILL)
            app.wait()
    if status != 0:
        raise AppFailed(f"APP_FAILED: {command!r} ended with exit status {status}; its own words are above")
    if not (outdir / "manifest.json").is_file():
        raise AppFailed(f"APP_SILENT: {command!r} wrote no cloud assembly to $CDK_OUTDIR; does it call app.synth()?")
