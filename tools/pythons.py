"""Runs what needs no CDK (runtime, client, contracts) on every other supported Python of this machine, each in an environment of its own.

The environments are kept in .venv/pythons and made anew when what they hold changes. Interpreters are those that tests/runtime/interpreters.py
finds: on PATH, with pyenv, in STREAMING_TEST_PYTHONS. None is downloaded. Further arguments go to pytest.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.runtime.interpreters import ONLY_THIS, SUPPORTED, interpreters  # noqa: E402 - the tests are no package on the path

ENVIRONMENTS = ROOT / ".venv" / "pythons"
CONSTRAINTS = ROOT / "requirements-dev.txt"
SUITES = ("tests/runtime", "tests/client", "tests/contract")
PACKAGES = (
    "ag-ui-protocol", "anthropic", "boto3", "httpx", "httpx2", "hypothesis", "moto[server]", "openai", "pytest", "pytest-timeout",
    "snapshot-restore-py", "starlette",
)  # fmt: skip


def main(arguments: list[str]) -> int:
    """Runs them one after another. Returns 1 where one failed."""
    found = interpreters()
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    failed = []
    for version in (f"{major}.{minor}" for major, minor in SUPPORTED):
        if version == here:
            print(f"Python {version}: this one; `make test` runs all suites on it", flush=True)
        elif version not in found:
            print(f"Python {version}: not on this machine", flush=True)
        else:
            print(f"Python {version}: {found[version]}", flush=True)
            if run(environment(version, found[version]), arguments):
                failed.append(version)
    if failed:
        print(f"failed on Python {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def environment(version: str, interpreter: str) -> Path:
    """The interpreter of an environment with all that the suites import."""
    folder = ENVIRONMENTS / version
    python = folder / "bin" / "python"
    wanted = hashlib.sha256("\n".join((interpreter, *PACKAGES, CONSTRAINTS.read_text(encoding="utf-8"))).encode()).hexdigest()
    made = folder / "made-for"
    if not made.is_file() or made.read_text(encoding="utf-8") != wanted:
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "--quiet", "--clear", "--python", interpreter, str(folder)], check=True)
        install = ["pip", "install", "--quiet", "--python", str(python), "--constraint", str(CONSTRAINTS)]
        subprocess.run([*uv, *install, *PACKAGES], check=True)
        made.write_text(wanted, encoding="utf-8")
    return python


def run(python: Path, arguments: list[str]) -> int:
    """Runs the suites. What they start runs on the same interpreter alone: the others have their own turn."""
    environ = {**os.environ, ONLY_THIS: "1", "PYTHONPATH": str(ROOT / "constructs_pkg" / "runtime" / "python")}
    environ.pop("JSII_NODE", None)
    command = [str(python), "-m", "pytest", "-p", "no:cacheprovider", *(SUITES if not paths(arguments) else ()), *arguments]
    return subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode


def paths(arguments: list[str]) -> list[str]:
    """Of pytest's arguments those that name what to run."""
    return [argument for argument in arguments if not argument.startswith("-") and (ROOT / argument.partition("::")[0]).exists()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
