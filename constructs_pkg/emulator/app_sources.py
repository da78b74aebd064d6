"""Which files an app is made of, as `cdk watch` sees them, and whether they have changed.

The project folder with everything in it, but for what cdk.json's `watch.exclude` names, hidden files, node_modules and the output of
synthesis (https://docs.aws.amazon.com/cdk/v2/guide/ref-cli-cmd-watch.html), and, which that page does not know, Python's caches and
virtual environments.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

Seen = dict[str, tuple[int, int]]
"""Time of change and size of each file, by its path in the project."""

_NEVER = ("**/.*", "**/node_modules", "cdk.out", "**/__pycache__", "**/*.pyc", "**/*.egg-info")


@dataclass(frozen=True)
class Sources:
    """The files of an app.

    Attributes:
        folder: The project folder.
        include: Patterns; `*` within a name, `**` over folders.
        exclude: Patterns of what is left out, files or whole folders.
        ignored: Files that this program itself writes.
    """

    folder: Path
    include: tuple[re.Pattern[str], ...]
    exclude: tuple[re.Pattern[str], ...]
    ignored: tuple[Path, ...] = ()

    @classmethod
    def of(cls, folder: Path, settings: Mapping[str, Any], ignored: Iterable[Path] = ()) -> Sources:
        """What a cdk.json says.

        Args:
            folder: Where the cdk.json is.
            settings: The document.
            ignored: Files that this program itself writes; those that its output goes to are known.
        """
        watch = settings.get("watch")
        said = watch if isinstance(watch, dict) else {}
        output = settings.get("output")
        outputs = (PurePosixPath(output).as_posix(),) if isinstance(output, str) and output else ()
        return cls(
            folder,
            tuple(map(_pattern, _listed(said.get("include")) or ("**",))),
            tuple(map(_pattern, (*_NEVER, *outputs, *_listed(said.get("exclude"))))),
            tuple(ignored),
        )

    def look(self) -> Seen:
        """The files that are there now."""
        found: Seen = {}
        own = {*_written_to(), *(_identity(path.stat()) for path in self.ignored if path.exists())}
        for path, entry in self._walk(self.folder, ""):
            try:
                status = entry.stat()
            except OSError:
                continue  # gone between the two looks, or a link to nowhere
            if _identity(status) not in own:
                found[path] = (status.st_mtime_ns, status.st_size)
        return found

    def _walk(self, folder: Path | str, below: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
        try:
            entries = list(os.scandir(folder))
        except OSError:
            return  # gone, or not to be read
        if any(entry.name == "pyvenv.cfg" for entry in entries):
            return
        for entry in entries:
            path = below + entry.name
            if any(pattern.fullmatch(path) for pattern in self.exclude):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from self._walk(entry.path, f"{path}/")
            elif any(pattern.fullmatch(path) for pattern in self.include):
                yield path, entry


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _written_to() -> Iterator[tuple[int, int]]:
    """The files that standard output and standard error are, where they are files: log lines must not ask for a new run."""
    for descriptor in (1, 2):
        try:
            status = os.fstat(descriptor)
        except OSError:
            continue  # it is closed
        if stat.S_ISREG(status.st_mode):
            yield _identity(status)


def changed(before: Seen, after: Seen) -> frozenset[str]:
    """The paths that are new, gone, or another."""
    return frozenset(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


def _listed(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(str(one) for one in value) if isinstance(value, list) else ()


def _pattern(glob: str) -> re.Pattern[str]:
    """A glob as a regular expression on a whole path; what is below a folder that matches, matches too."""
    text = re.escape(glob.removeprefix("./").rstrip("/"))
    for written, meant in ((r"\*\*/", "\0"), (r"\*\*", ".*"), (r"\*", "[^/]*"), (r"\?", "[^/]"), ("\0", "(?:.*/)?")):
        text = text.replace(written, meant)
    return re.compile(f"{text}(?:/.*)?", re.DOTALL)
