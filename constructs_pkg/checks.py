"""What is wrong across a whole app, found while it is synthesized."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

import jsii
from aws_cdk import (
    IPolicyValidationContext,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    PolicyViolatingResource,
    PolicyViolation,
    Stage,
)

from ._checks import CODES, Acknowledgements, check
from ._checks.acknowledged import NAMESPACE
from ._enforced_defaults import DEFAULTS_CODE, enforced_defaults
from .assembly import CloudAssembly

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ._checks import Finding

_NO_VERSION: Final = "0.0.0"


@jsii.implements(IPolicyValidationPlugin)
class StreamingChecks:
    """Looks at a whole app when it is synthesized, and fails the synthesis with what is wrong.

        Validations.of(app).add_plugins(StreamingChecks())

    Every endpoint reaches the alias that is kept warm; nobody holds one of the two permissions of a Function URL without the
    other; time limits along each path agree; no URL is open to everyone that was not meant so; nothing only pretends to stream.
    It looks at templates, so it sees what other constructs, L1 resources and escape hatches made, too. The command
    `streaming-lambda check` is the same for an assembly of any language. All codes stand in `docs/errors.md`.

    A finding that is meant so is acknowledged where it stands, with a reason:

        Validations.of(construct).acknowledge(Acknowledgment(id="StreamingChecks::PUBLIC_URL", reason="a demo for everyone"))

    or here, by `acknowledge`. Warnings, for what is only doubtful, are reported and fail nothing.
    """

    def __init__(
        self,
        *,
        acknowledge: Mapping[str, str] | None = None,
        enforce_defaults: bool = True,
    ) -> None:
        """Makes the plugin.

        Args:
            acknowledge: Findings that are meant so: `CODE:construct/path`, which holds for the constructs below it too, to the
                reason. Default: none.
            enforce_defaults: Whether a streaming function has to keep what `StreamingDefaults` says where it stands, however it
                was made. Default: yes.

        Raises:
            ValueError: `ACKNOWLEDGEMENT_FORM` for a key of another form, `ACKNOWLEDGEMENT_CODE` for a code that there is not,
                `ACKNOWLEDGEMENT_REASON` for an empty reason.
        """
        given = acknowledge or {}
        self._enforce_defaults = enforce_defaults
        self._acknowledged = Acknowledgements.parse(given, more_codes=(DEFAULTS_CODE,))
        for key, reason in given.items():
            if not reason.strip():
                raise ValueError(
                    f"ACKNOWLEDGEMENT_REASON: {key} is acknowledged without a reason, which nobody can review later. Say in a sentence why "
                    "it is meant so."
                )

    # jsii sees properties only; a class attribute would be invisible to it.

    @property
    def name(self) -> str:
        """`StreamingChecks`: what acknowledgements of its rules begin with."""
        return NAMESPACE

    @property
    def version(self) -> str:
        """This package's version."""
        try:
            return version("streaming-lambda-constructs")
        except PackageNotFoundError:
            return _NO_VERSION

    @property
    def rule_ids(self) -> list[str]:
        """All codes."""
        return sorted({*CODES, DEFAULTS_CODE})

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        """Called by CDK when the templates are written."""
        app = context.app_construct
        assembly = CloudAssembly.load(_root(context))
        defaults = enforced_defaults(app) if self._enforce_defaults else ()
        report = check(assembly, acknowledged=self._acknowledged, more=tuple(defaults))
        # Several plugins may stand on different stages: each speaks of its own stacks, and reads the others'.
        stacks = tuple(stack.stack_construct_path for stack in context.stack_templates)
        mine = [finding for finding in report.findings if _is_within(finding.stack, stacks)]
        return PolicyValidationPluginReport(
            success=all(finding.severity != "error" for finding in mine),
            violations=[_violation(finding) for finding in mine],
            metadata={f"unread {number}": text for number, text in enumerate(report.unread, start=1)}
            | {f"unused acknowledgement {number}": text for number, text in enumerate(report.unused, start=1)},
        )


def _root(context: IPolicyValidationContext) -> Path:
    app = context.app_construct
    assert isinstance(app, Stage)  # the root of every app; its outdir is the outermost assembly's
    return Path(app.outdir)


def _is_within(path: str, stacks: Sequence[str]) -> bool:
    """Whether a stack is one of these or nested in one."""
    return any(path == stack or path.startswith(f"{stack}/") for stack in stacks)


def _violation(finding: Finding) -> PolicyViolation:
    return PolicyViolation(
        rule_name=finding.code,
        description=finding.found,
        fix=finding.mend,
        severity=finding.severity,
        # CDK's report drops the locations of a construct path.
        rule_metadata={"location": finding.location},
        violating_resources=[PolicyViolatingResource(construct_path=finding.path, locations=[finding.location])],
    )
