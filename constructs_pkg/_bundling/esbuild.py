"""JavaScript and TypeScript bundled into one file by esbuild, found on this machine; no Docker and no download.

What was bundled once is found again without starting esbuild: each result is remembered with the contents of all files that went
into it, as esbuild's own metafile names them, and of the settings files that it reads without naming them.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from constructs_pkg._assets import cache_directory, fingerprint

from .cache import built, name_of
from .python import Bundle
from .size import AssetSize, measure, require_size

if TYPE_CHECKING:
    from collections.abc import Iterator

_RECIPE: Final = "1"
_TIME_LIMIT_SECONDS: Final = 120
_SETTINGS: Final = ("package.json", "tsconfig.json", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", ".pnp.cjs")
_REQUIRE_IN_ESM: Final = (
    "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);"
)


@dataclass(frozen=True, kw_only=True)
class Script:
    """What is to be bundled.

    Attributes:
        module: The entry's file.
        node: Major version of Node.js, `22`.
        external: Modules that are not bundled: the runtime brings them along.
        minify: Whether names and spaces are shortened.
        output: Path of the result without its ending, below the asset: `index`, `api/index`.
    """

    module: Path
    node: str
    external: tuple[str, ...]
    minify: bool
    output: str


def bundle_script(script: Script, directory: Path) -> Bundle:
    """A folder with the one file that esbuild makes of a module and all that it imports.

    Args:
        script: What to bundle.
        directory: The function's folder. It is esbuild's working directory, so that the result is the same wherever the
            project lies.

    Raises:
        ValueError: `ESBUILD_MISSING` when esbuild is not there, `ESBUILD_FAILED` when it refuses the code, `ESBUILD_TIMEOUT`,
            `BUNDLE_TOO_LARGE`.
    """
    program = find_esbuild(directory)
    known = _Known(script, directory, program)
    place = known.look_up()
    if place is None:
        with tempfile.TemporaryDirectory() as scratch:
            output = Path(scratch) / "asset"
            inputs = _run(script, directory, program, output)
            place = _keep(output)
        known.remember(place, inputs)
    facts = json.loads((place / "bundle.json").read_text(encoding="utf-8"))
    size = AssetSize.from_json(facts["size"])
    require_size(size)
    return Bundle(folder=place / "asset", fingerprint=facts["fingerprint"], size=size)


def find_esbuild(directory: Path) -> Path:
    """The esbuild of the nearest node_modules, upwards from the code and then from the working directory, else on PATH.

    Raises:
        ValueError: `ESBUILD_MISSING`.
    """
    for start in (directory, Path.cwd()):
        for folder in (start, *start.parents):
            program = folder / "node_modules" / ".bin" / "esbuild"
            if os.access(program, os.X_OK):
                return program
    on_path = shutil.which("esbuild")
    if on_path is None:
        raise ValueError(
            f"ESBUILD_MISSING: TypeScript and bundle=True need esbuild, and neither a node_modules above {directory} or the working "
            "directory nor PATH has it. Run: npm install --save-dev esbuild"
        )
    return Path(on_path)


def _run(script: Script, directory: Path, program: Path, output: Path) -> dict[str, str]:
    """Bundles into `output`, and gives the hash of each file that went in."""
    module_format = "esm" if _is_esm(script.module) else "cjs"
    file = output / f"{script.output}.{'mjs' if module_format == 'esm' else 'js'}"
    with tempfile.NamedTemporaryFile(suffix=".json") as metafile:
        command = [
            str(program),
            str(script.module.relative_to(directory)),
            "--bundle",
            "--platform=node",
            f"--target=node{script.node}",
            f"--format={module_format}",
            f"--outfile={file}",
            f"--metafile={metafile.name}",
            "--log-level=error",
            "--color=false",
            *(f"--external:{name}" for name in script.external),
            *(["--minify", "--keep-names"] if script.minify else []),
            *([f"--banner:js={_REQUIRE_IN_ESM}"] if module_format == "esm" else []),
        ]
        try:
            done = subprocess.run(
                command,
                cwd=directory,
                env=_environment(),
                capture_output=True,
                text=True,
                timeout=_TIME_LIMIT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ValueError(
                f"ESBUILD_TIMEOUT: bundling {script.module} took longer than {_TIME_LIMIT_SECONDS} s. Try again; if it stays, run esbuild by "
                "hand to see where it hangs."
            ) from error
        if done.returncode != 0:
            said = " ".join((done.stderr or done.stdout).split())
            raise ValueError(
                f"ESBUILD_FAILED: {script.module} could not be bundled. Mend the code, or install what it imports (npm ci). "
                f"esbuild said: {said[-900:]}"
            )
        named = json.loads(Path(metafile.name).read_text(encoding="utf-8"))["inputs"]
    return {name: _hash(directory / name) for name in sorted(named)}


def _is_esm(module: Path) -> bool:
    """Node's own rule: the ending decides, else `type` in the nearest package.json."""
    if module.suffix in (".mjs", ".mts"):
        return True
    if module.suffix in (".cjs", ".cts"):
        return False
    nearest = next((folder / "package.json" for folder in module.parents if (folder / "package.json").is_file()), None)
    return nearest is not None and json.loads(nearest.read_text(encoding="utf-8")).get("type") == "module"


def _environment() -> dict[str, str]:
    """This process's, with the Node that jsii runs on where PATH has none: esbuild may be started by a script of Node's."""
    environment = dict(os.environ)
    node = environment.get("JSII_NODE")
    if node and shutil.which("node") is None:
        environment["PATH"] = os.pathsep.join([str(Path(node).parent), environment.get("PATH", "")])
    return environment


def _keep(output: Path) -> Path:
    facts: dict[str, Any] = {"fingerprint": fingerprint(output), "size": measure(output).to_json()}

    def fill(work: Path) -> None:
        shutil.copytree(output, work / "asset")
        (work / "bundle.json").write_text(json.dumps(facts), encoding="utf-8")

    return built(name_of("esbuild", facts["fingerprint"]), fill)


class _Known:
    """What is remembered of one script: its result, and the files that it came from."""

    def __init__(self, script: Script, directory: Path, program: Path) -> None:
        self._directory = directory
        binary = program.resolve()
        tool = f"{binary}:{binary.stat().st_size}:{binary.stat().st_mtime_ns}"
        settings = "\0".join(f"{path}:{_hash(path)}" for path in _settings(directory))
        key = name_of(_RECIPE, repr(script), str(directory), tool, settings)
        self._path = cache_directory("scripts") / f"{key}.json"

    def look_up(self) -> Path | None:
        """The result, if nothing that it came from has changed."""
        if not self._path.is_file():
            return None
        record = json.loads(self._path.read_text(encoding="utf-8"))
        if any(_hash(self._directory / name) != content for name, content in record["inputs"].items()):
            return None
        place = cache_directory("bundles") / str(record["name"])
        if not place.is_dir():
            return None
        os.utime(place)
        return place

    def remember(self, place: Path, inputs: dict[str, str]) -> None:
        """Notes a result, in one step."""
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=self._path.parent, suffix=".part", delete=False) as file:
            json.dump({"name": place.name, "inputs": inputs}, file)
        Path(file.name).replace(self._path)


def _settings(directory: Path) -> Iterator[Path]:
    for folder in (directory, *directory.parents):
        for name in _SETTINGS:
            if (folder / name).is_file():
                yield folder / name


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
