"""The command line: `streaming-lambda`, also `python -m constructs_pkg`.

Each command's module is loaded when it is asked for, so that none of them pays for another's imports.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class _Command(NamedTuple):
    module: str
    extra: str
    help: str


_COMMANDS: Final = {
    "local": _Command(
        "constructs_pkg.emulator.command", "emulator", "run the streaming functions of a synthesized app on this machine"
    ),
    "call": _Command("constructs_pkg.client.command", "client", "send a signed request and print what arrives as it arrives"),
    "check": _Command("constructs_pkg.check_command", "", "look for what is wrong across a synthesized app, from any language"),
    "doctor": _Command("constructs_pkg.doctor_command", "", "say what this machine lacks, and the command that mends it"),
    "model": _Command("constructs_pkg.emulator.model_command", "emulator", "install the local model"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: The words after the program's name. Default: those of the process.

    Returns:
        The exit code: 0 done, 1 failed with a line on standard error, 2 for wrong usage.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(
        prog="streaming-lambda", description="Streaming AWS Lambda functions: run, call and check them."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {_version()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    asked = next((word for word in given if not word.startswith("-")), None)
    run = None
    for name, command in _COMMANDS.items():
        subparser = commands.add_parser(name, help=command.help, description=command.help[0].upper() + command.help[1:] + ".")
        if name == asked:
            try:
                module = importlib.import_module(command.module)
            except ModuleNotFoundError as error:
                return _explain(name, command, error)
            module.configure(subparser)
            run = module.run
    parsed = parser.parse_args(given)
    if run is None:
        parser.error(f"unknown command {parsed.command!r}")
    return int(run(parsed))


def _explain(name: str, command: _Command, error: ModuleNotFoundError) -> int:
    if (error.name or "").startswith("constructs_pkg"):
        raise error
    print(
        f"streaming-lambda {name}: the package {error.name!r} is missing. Install the extra: "
        f"pip install 'streaming-lambda-constructs[{command.extra}]'",
        file=sys.stderr,
    )
    return 2


def _version() -> str:
    try:
        return version("streaming-lambda-constructs")
    except PackageNotFoundError:
        return "(not installed)"


if __name__ == "__main__":
    sys.exit(main())
