"""The pinned CDK CLI, run on a copy of the project against the local endpoint."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.e2e.endpoint import ACCOUNT, REGION, end
from tests.e2e.templates import WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.endpoint import Endpoint

ROOT: Final = Path(__file__).parents[2]
COPIED: Final = ("app.py", "cdk.json", "constructs_pkg", "stacks", "tests/e2e")
LIMIT_SECONDS: Final = 300
"""Longest run of the CLI. The first synthesis on a machine fetches what the handlers require."""

CONTEXT: Final = {"chat:most-warm-environments": "1", "speech:recogniser": "pocketsphinx", "removal-policy": "destroy"}
"""What is deployed otherwise than by default: a fixed number of warm environments, which the endpoint can tell of, as it cannot of autoscaling;
a function that hears by itself, as nothing here takes Transcribe's place; and nothing that stays when it is destroyed."""

ENTRIES: Final = ("index.py", "main.py", "app.py", "index.mjs", "index.js", "index.ts", "index.mts")
CHANGE: Final = {".py": "\nCHANGED = True\n", ".js": "\nglobalThis.changed = true;\n"}


class Project:
    """A copy of this project, so that a test can change a handler and deploy again."""

    def __init__(self, folder: Path, endpoint: Endpoint, say: Callable[[str], None]) -> None:
        """
        Args:
            folder: Where the copy goes; must not be there yet.
            endpoint: Where it is deployed to.
            say: Takes a line about what is done.
        """
        self.folder = folder
        self.endpoint = endpoint
        self.assembly = folder / "cdk.out"
        self._say = say
        for name in COPIED:
            source, target = ROOT / name, folder / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)

    def bootstrap(self) -> None:
        self._say("cdk bootstrap")
        self._cdk("bootstrap", f"aws://{ACCOUNT}/{REGION}", cwd=self.folder.parent)  # without cdk.json, so without a synthesis

    def deploy(self) -> None:
        """Synthesizes and deploys all stacks."""
        shutil.rmtree(self.assembly, ignore_errors=True)
        self._say("cdk deploy --all")
        app = shlex.join([sys.executable, "-m", "tests.e2e.app"])
        options = ["--app", app, "--output", str(self.assembly), "--require-approval", "never", "--concurrency", "4"]
        options += [option for name, value in CONTEXT.items() for option in ("--context", f"{name}={value}")]
        self._cdk("deploy", "--all", *options, "--no-version-reporting", "--progress", "events")

    def destroy(self) -> None:
        self._say("cdk destroy --all")
        self._cdk("destroy", "--all", "--force", "--app", str(self.assembly))

    def change_handlers(self) -> None:
        """Adds a line to each handler's first file."""
        for handler in sorted((self.folder / "stacks").glob("*/handler")):
            entry = next(handler / name for name in ENTRIES if (handler / name).is_file())
            _append(entry)

    def change_layer(self) -> None:
        """Adds a line to the runtime."""
        _append(self.folder / "constructs_pkg/runtime/python/streaming_runtime/__init__.py")

    @property
    def templates(self) -> dict[str, dict[str, Any]]:
        """The template of each stack, by the stack's name, as synthesized last."""
        return self._templates(self.assembly)

    @property
    def whole_templates(self) -> dict[str, dict[str, Any]]:
        """The same, as they are without anything left out."""
        return self._templates(self.assembly / WHOLE)

    def _templates(self, folder: Path) -> dict[str, dict[str, Any]]:
        artifacts = json.loads((self.assembly / "manifest.json").read_text())["artifacts"]
        return {
            name: json.loads((folder / artifact["properties"]["templateFile"]).read_text())
            for name, artifact in sorted(artifacts.items())
            if artifact["type"] == "aws:cloudformation:stack"
        }

    def _cdk(self, *arguments: str, cwd: Path | None = None) -> None:
        command = [os.environ["JSII_NODE"], str(ROOT / "node_modules/aws-cdk/bin/cdk"), *arguments, "--no-notices", "--no-color"]
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK"))},
            **self.endpoint.environment,
            "CDK_HOME": str(self.folder.parent / "cdk-home"),
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "CDK_DISABLE_VERSION_CHECK": "true",
            "CI": "true",  # progress goes to standard output, and nothing is asked
            "PYTHONPATH": str(self.folder),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        log = self.folder.parent / "cdk.log"
        with log.open("w+") as output:
            process = subprocess.Popen(
                command,
                cwd=cwd or self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            try:
                code = process.wait(LIMIT_SECONDS)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                end(process)
        if code != 0:
            ended = "did not end" if code is None else f"ended with {code}"
            raise RuntimeError(f"cdk {arguments[0]} {ended}:\n{log.read_text()[-8000:]}")


def _append(file: Path) -> None:
    with file.open("a") as opened:
        opened.write(CHANGE[".py" if file.suffix == ".py" else ".js"])
