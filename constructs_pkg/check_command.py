"""`streaming-lambda check`: the app-wide checks on an assembly that is synthesized already, from CDK in any language."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from constructs_pkg._checks import AcknowledgementError, Acknowledgements, check
from constructs_pkg.assembly import AssemblyError, CloudAssembly

if TYPE_CHECKING:
    import argparse

FOUND: Final = 1
UNREADABLE: Final = 2
_MOST_UNREAD_SHOWN: Final = 5


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.description = (
        "Looks for what is wrong across a synthesized app, and prints a line per finding: severity, code, construct path, what was found "
        "and the mend. Exit code: 1 when there is a finding, 0 when there is none, 2 when the assembly cannot be read."
    )
    parser.add_argument("--assembly", metavar="DIRECTORY", type=Path, default=Path("cdk.out"), help="default: cdk.out")
    parser.add_argument(
        "--parameters",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="a template parameter's value, as for `cdk deploy`; may be given several times",
    )
    parser.add_argument(
        "--acknowledge",
        metavar="CODE:PATH",
        action="append",
        default=[],
        help="a finding that is meant so, at this construct path and below; may be given several times. What the app acknowledged by "
        "Validations.of(construct).acknowledge(id='StreamingChecks::CODE', ...) counts too",
    )


def run(arguments: argparse.Namespace) -> int:
    """Checks an assembly.

    Returns:
        1 with findings, 0 without, 2 where the assembly or an acknowledgement cannot be read.
    """
    try:
        acknowledged = Acknowledgements.parse(arguments.acknowledge)
        parameters = dict(text.partition("=")[::2] for text in arguments.parameters)
        report = check(CloudAssembly.load(arguments.assembly, parameters=parameters), acknowledged=acknowledged)
    except (AssemblyError, AcknowledgementError) as error:
        print(f"streaming-lambda check: {error}", file=sys.stderr)
        return UNREADABLE
    for finding in report.findings:
        print(finding)
    for text in report.unused:
        print(f"streaming-lambda check: nothing was found that {text} acknowledges; remove it, or mend its path", file=sys.stderr)
    for text in report.unread[:_MOST_UNREAD_SHOWN]:
        print(f"streaming-lambda check: not looked at, as only deployment tells it: {text}", file=sys.stderr)
    if len(report.unread) > _MOST_UNREAD_SHOWN:
        print(f"streaming-lambda check: and {len(report.unread) - _MOST_UNREAD_SHOWN} more", file=sys.stderr)
    print(_summary(len(report.findings), len(report.acknowledged)), file=sys.stderr)
    return FOUND if report.findings else 0


def _summary(found: int, acknowledged: int) -> str:
    count = "1 finding" if found == 1 else f"{found or 'no'} findings"
    return f"streaming-lambda check: {count}" + (f", {acknowledged} acknowledged" if acknowledged else "")
