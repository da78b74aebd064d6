"""What a folder of Python code asks for: its requirements.txt, its pyproject.toml, and the lock or constraints beside them."""

from __future__ import annotations

import codecs
import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from .lean import normalised

if TYPE_CHECKING:
    from pathlib import Path

_CONSTRAINTS: Final = "constraints.txt"
_UNREAD_LOCKS: Final = ("poetry.lock", "pdm.lock", "Pipfile.lock", "Pipfile")
_INCLUDE: Final = re.compile(r"^(-r|--requirement|-c|--constraint)(?:\s*=\s*|\s+|(?<=-[rc]))(.+)$")
_LOCAL: Final = re.compile(
    r"^(-e\b|--editable\b|\.|/|~|file:)|(^|@\s*)(file:|(git|hg|svn|bzr)\+)|^[^@:]+(/|\.(whl|zip|tar\.gz)$)"
)
_NAME: Final = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*([^;]*)")


@dataclass(frozen=True, kw_only=True)
class Requirements:
    """What is to be installed.

    Attributes:
        source: The file that says so, for messages.
        lines: Requirements and resolver options, includes written out.
        constraints: Versions that bind if a package is installed at all.
        lock: A lock file that holds the whole resolution; `lines` then only tell which packages are asked for directly.
        chosen: The packages asked for directly with a version: those are there on purpose.
        named: All packages asked for directly.
    """

    source: str
    lines: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    lock: Path | None = None
    chosen: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()

    @property
    def content(self) -> str:
        """All of it as text, for the name of what is built from it."""
        lock = self.lock.read_text(encoding="utf-8") if self.lock else ""
        return "\0".join((*self.lines, "-c", *self.constraints, "lock", lock))


def requirements_of(folder: Path) -> Requirements | None:
    """What a folder asks for; None when it asks for nothing.

    requirements.txt comes first, as it is what a pyproject.toml is compiled to; then pyproject.toml with uv.lock or pylock.toml
    where there is one; then pylock.toml alone. A constraints.txt beside them binds.

    Raises:
        ValueError: `BUNDLE_INCLUDE_MISSING` for an included file that is not there, `BUNDLE_LOCAL_REQUIREMENT` for a path, an
            editable install or a repository, `BUNDLE_PYPROJECT` for a pyproject.toml whose dependencies only another tool can
            read, `BUNDLE_LOCK_UNREAD` for a lock file of another tool.
    """
    reading = _Reading()
    if (folder / _CONSTRAINTS).is_file():
        reading.read(folder / _CONSTRAINTS, into=reading.constraints)
    text = folder / "requirements.txt"
    if text.is_file():
        reading.read(text, into=reading.lines)
        if reading.lines:
            return reading.result("requirements.txt")
    found = _from_pyproject(folder, reading)
    if found is None and (folder / "pylock.toml").is_file():
        found = reading.result("pylock.toml", lock=folder / "pylock.toml")
    if (found is None or found.lock is None) and not text.is_file():
        _refuse_unread_locks(folder)
    return found


def _from_pyproject(folder: Path, reading: _Reading) -> Requirements | None:
    path = folder / "pyproject.toml"
    if not path.is_file():
        return None
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"BUNDLE_PYPROJECT: {path} is not TOML ({error}). Mend the file, or give a requirements.txt.") from error
    project: dict[str, Any] = document.get("project", {})
    tools: dict[str, Any] = document.get("tool", {})
    if "dependencies" in project.get("dynamic", []) or (
        "dependencies" not in project and "dependencies" in tools.get("poetry", {})
    ):
        raise ValueError(
            f"BUNDLE_PYPROJECT: {path} lists its dependencies where only its build tool reads them (dynamic, or [tool.poetry]); "
            "[project.dependencies] is what can be read here. Move them there, or export them to a requirements.txt."
        )
    dependencies = project.get("dependencies", [])
    if not dependencies:
        return None
    for line in dependencies:
        reading.add(line, path, reading.lines)
    lock = next((folder / name for name in ("uv.lock", "pylock.toml") if (folder / name).is_file()), None)
    if lock is None and (sources := tools.get("uv", {}).get("sources")):
        raise ValueError(
            f"BUNDLE_PYPROJECT: {path} takes {', '.join(sorted(sources))} from [tool.uv.sources], which only uv's lock resolves. "
            "Run `uv lock` and keep uv.lock beside it, or give a requirements.txt."
        )
    return reading.result("pyproject.toml", lock=lock)


def _refuse_unread_locks(folder: Path) -> None:
    unread = next((name for name in _UNREAD_LOCKS if (folder / name).is_file()), None)
    if unread is not None:
        raise ValueError(
            f"BUNDLE_LOCK_UNREAD: {folder / unread} cannot be read here, so what it locks would not be what is shipped; uv.lock, "
            "pylock.toml, requirements.txt and constraints.txt can. Export it to a requirements.txt beside it."
        )


@dataclass
class _Reading:
    lines: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    _open: list[Path] = field(default_factory=list)

    def read(self, path: Path, *, into: list[str]) -> None:
        """Reads a requirements file and what it includes."""
        if path in self._open:
            return
        self._open.append(path)
        joined = _text_of(path).replace("\\\n", " ")
        for raw in joined.splitlines():
            line = re.sub(r"(^|\s)#.*$", "", raw).strip()
            included = _INCLUDE.match(line)
            if included:
                self._include(included[1], included[2].strip(), path, into)
            elif line:
                self.add(" ".join(line.split()), path, into)
        self._open.pop()

    def add(self, line: str, path: Path, into: list[str]) -> None:
        """Takes one requirement, unless it points to something that is not in an index."""
        is_option = line.startswith("-") and not line.startswith(("-e", "--editable"))
        if not is_option and _LOCAL.search(line.split(";", 1)[0].split(" --", 1)[0].strip()):
            raise ValueError(
                f"BUNDLE_LOCAL_REQUIREMENT: {path} asks for {line!r}: a path, an editable install or a repository would have to be built "
                "on this machine, for another platform. Publish a wheel and name it with its version, give the wheel's https address, "
                "or put the code into the function's folder."
            )
        into.append(line)

    def result(self, source: str, *, lock: Path | None = None) -> Requirements:
        """What was read."""
        direct = [found.groups() for line in self.lines if not line.startswith("-") and (found := _NAME.match(line))]
        return Requirements(
            source=source,
            lines=tuple(self.lines),
            constraints=tuple(self.constraints),
            lock=lock,
            chosen=frozenset(normalised(name) for name, version in direct if version.strip()),
            named=frozenset(normalised(name) for name, _ in direct),
        )

    def _include(self, option: str, name: str, path: Path, into: list[str]) -> None:
        target = path.parent / name
        if not target.is_file():
            raise ValueError(
                f"BUNDLE_INCLUDE_MISSING: {path} includes {name!r}, and {target} is no file. Add it, or remove the line."
            )
        self.read(target.resolve(), into=self.constraints if option in ("-c", "--constraint") else into)


def _text_of(path: Path) -> str:
    """A requirements file's text, told by its first bytes as pip tells it: PowerShell's `pip freeze >` writes UTF-16."""
    content = path.read_bytes()
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    return "\n".join(content.decode(encoding).splitlines())
