"""Findings that are meant so: told on the command line or to the plugin, or recorded in the assembly by CDK's own
`Validations.of(construct).acknowledge(...)`, in any language.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ._rule import CODES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from .finding import Finding

NAMESPACE: Final = "StreamingChecks"
"""Name of the plugin, and so what CDK's acknowledgements of its rules begin with: `StreamingChecks::PUBLIC_URL`."""

_RECORDED: Final = "aws:cdk:acknowledged-rules"
_MAX_NESTING: Final = 16


class AcknowledgementError(ValueError):
    """What was given as an acknowledgement is none."""


class Acknowledgements:
    """Codes with the construct paths at and below which they are meant so."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._pairs = tuple(pairs)

    @classmethod
    def parse(cls, texts: Iterable[str], *, more_codes: Iterable[str] = ()) -> Acknowledgements:
        """Reads `CODE:construct/path`.

        Args:
            texts: The acknowledgements.
            more_codes: Codes of checks that are not this package's.

        Raises:
            AcknowledgementError: `ACKNOWLEDGEMENT_FORM` for another form, `ACKNOWLEDGEMENT_CODE` for a code that there is not.
        """
        pairs = []
        for text in texts:
            code, colon, path = text.partition(":")
            if not colon or not code or not path.strip("/"):
                raise AcknowledgementError(
                    f"ACKNOWLEDGEMENT_FORM: {text!r} is none; write CODE:construct/path, such as PUBLIC_URL:ChatStack/Chat"
                )
            if code not in CODES and code not in more_codes:
                raise AcknowledgementError(
                    f"ACKNOWLEDGEMENT_CODE: {code} is no code of a check; there are {', '.join(sorted(CODES))}"
                )
            pairs.append((code, path.strip("/")))
        return cls(pairs)

    @classmethod
    def recorded(cls, directory: Path) -> Acknowledgements:
        """Those that the app itself recorded in its assembly."""
        return cls(
            (rule.removeprefix(f"{NAMESPACE}::"), path.strip("/"))
            for metadata in _metadata(directory, 0)
            for path, entries in metadata.items()
            for entry in entries
            if entry.get("type") == _RECORDED
            for rule in entry.get("data") or {}
            if rule.startswith(f"{NAMESPACE}::")
        )

    def __or__(self, other: Acknowledgements) -> Acknowledgements:
        return Acknowledgements((*self._pairs, *other._pairs))

    def covers(self, finding: Finding) -> bool:
        """Whether a finding is meant so."""
        return any(_covers(pair, finding) for pair in self._pairs)

    def unused(self, findings: Iterable[Finding]) -> tuple[str, ...]:
        """The acknowledgements of which no finding was one: a misspelt path would otherwise do nothing."""
        found = tuple(findings)
        return tuple(f"{pair[0]}:{pair[1]}" for pair in self._pairs if not any(_covers(pair, finding) for finding in found))


def _covers(pair: tuple[str, str], finding: Finding) -> bool:
    code, path = pair
    return finding.code == code and (finding.path == path or finding.path.startswith(f"{path}/"))


def _metadata(directory: Path, depth: int) -> Iterator[Mapping[str, Any]]:
    """The metadata of each stack, which the reader of the assembly has read without a fault."""
    manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
    for artifact in manifest.get("artifacts", {}).values():
        if artifact.get("type") == "aws:cloudformation:stack":
            yield artifact.get("metadata") or {}
            if "additionalMetadataFile" in artifact:
                yield json.loads((directory / artifact["additionalMetadataFile"]).read_text(encoding="utf-8"))
        elif artifact.get("type") == "cdk:cloud-assembly" and depth < _MAX_NESTING:
            yield from _metadata(directory / artifact["properties"]["directoryName"], depth + 1)
