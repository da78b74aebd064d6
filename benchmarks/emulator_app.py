"""The app that the emulator runs while it is measured: functions as our constructs make them, with their alarms and log metrics.

Run by itself (`python -m benchmarks.emulator_app FOLDER CROWD`) it synthesizes two assemblies into the folder: CDK is loaded here.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from constructs_pkg import ProvisionedConcurrency, StreamingCode, StreamingFunction, StreamLimits

ENTRY = Path(__file__).parent / "programs" / "ours"
STACK = "Bench"
_FLAGS = json.loads((Path(__file__).parents[1] / "cdk.json").read_text(encoding="utf-8"))["context"]
_RUNTIME = getattr(lambda_.Runtime, f"PYTHON_{sys.version_info.major}_{sys.version_info.minor}")


def calls(stack: cdk.Stack) -> None:
    """One function behind an open URL, one behind IAM auth with a role that may call it, and one that gathers no chunks."""
    code = StreamingCode.python(ENTRY, runtime=_RUNTIME)
    open_to_all = lambda_.FunctionUrlAuthType.NONE
    StreamingFunction(stack, "Open", code=code, auth_type=open_to_all)
    signed = StreamingFunction(stack, "Signed", code=code)
    signed.grant_invoke_url(iam.Role(stack, "Caller", assumed_by=iam.AccountRootPrincipal()))
    chunks = StreamLimits(flush_interval_microseconds=0)
    StreamingFunction(stack, "Chunks", code=code, auth_type=open_to_all, limits=chunks)


def crowd(stack: cdk.Stack, size: int) -> None:
    """One function with so many environments kept warm."""
    StreamingFunction(
        stack,
        "Crowd",
        code=StreamingCode.python(ENTRY, runtime=_RUNTIME),
        auth_type=lambda_.FunctionUrlAuthType.NONE,
        concurrency=ProvisionedConcurrency.fixed(size),
    )


def main(folder: Path, size: int) -> None:
    """Writes both."""
    for name in ("calls", "crowd"):
        app = cdk.App(outdir=str(folder / name), context=_FLAGS)
        stack = cdk.Stack(app, STACK)
        if name == "calls":
            calls(stack)
        else:
            crowd(stack, size)
        app.synth()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
