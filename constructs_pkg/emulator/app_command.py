"""Synthesizes an app by its own command, as the CDK CLI does, so that no CDK CLI is needed.

The contract is the CLI's: the command gets CDK_OUTDIR and CDK_CONTEXT_JSON and writes a cloud assembly.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from constructs_pkg.emulator.adopt import adopt
from constructs_pkg.emulator.app_sources import Seen, Sources, changed
from constructs_pkg.emulator.guard import Guard, GuardLost
from constructs_pkg.emulator.watch import LOOK_SECONDS, QUIET_SECONDS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from collections.abc import Set as AbstractSet

SYNTH_SECONDS = 600.0

OWN_FILE_RUNS = 3
"""A file that changes in so many runs in a row is one that the app's command writes."""


class AppFailed(Exception):
    """The app's command gave no assembly. The text is one line."""


def read_cdk_json(folder: Path) -> dict[str, Any]:
    """The `cdk.json` of a folder; empty where there is none.

    Raises:
        AppFailed: it is no JSON object.
    """
    path = folder / "cdk.json"
    if not path.is_file():
        return {}
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise AppFailed(f"CDK_JSON_UNREADABLE: {path} is not JSON: {error}; correct it") from error
    if not isinstance(document, dict):
        raise AppFailed(f"CDK_JSON_UNREADABLE: {path} is not a JSON object; correct it")
    return document


class SynthesizedApp:
    """An app's assembly in a private folder, made by the app's own command, and made anew as its sources change.

    Whatever ends this process, the command ends with it and the folder goes.

    Attributes:
        directory: The assembly. It stays where it is; what is in it changes.
    """

    def __init__(
        self,
        command: str,
        folder: Path,
        settings: Mapping[str, Any],
        *,
        log: Callable[[str], None],
        ignored: Iterable[Path] = (),
    ) -> None:
        """
        Args:
            command: A shell command line, as `app` of cdk.json is one.
            folder: The project folder, where it is run.
            settings: The cdk.json: its `context` is handed to the command, its `watch` says what its sources are.
            log: Takes the lines that the command writes, and what is told about it.
            ignored: Files in the project that this program itself writes, so that they are no sources.
        """
        self._command = command
        self._folder = folder
        self._context = settings.get("context") or {}
        self._sources = Sources.of(folder, settings, ignored)
        self._log = log
        self._seen: Seen | None = None
        self._guard = Guard()
        self._root = Path(tempfile.gettempdir()).resolve() / f"streaming-lambda-app-{secrets.token_hex(8)}"
        self._guard.own(self._root)
        self._root.mkdir(mode=0o700)
        self.directory = self._root / "cdk.out"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the command where it runs, and removes the folder."""
        self._guard.close()

    def end(self) -> None:
        """Ends the command where it runs, from any thread."""
        self._guard.end()

    def synthesize(self, on_line: Callable[[str], None] | None = None) -> None:
        """Runs the command, and takes its assembly over once it is whole.

        Args:
            on_line: Takes the lines that the command writes. Default: `log`.

        Raises:
            AppFailed: it fails, takes too long, or writes no assembly. The assembly that was there before stays.
        """
        command = self._command
        outdir = self._root / "synthesizing"
        shutil.rmtree(outdir, ignore_errors=True)
        environment = {**os.environ, "CDK_OUTDIR": str(outdir), "CDK_CONTEXT_JSON": json.dumps(self._context)}
        # A shell, since that is what the CLI runs `app` with; the command is the person's own.
        argv = ["/bin/sh", "-c", command]
        try:
            status = self._guard.run(argv, env=environment, cwd=self._folder, seconds=SYNTH_SECONDS, on_line=on_line or self._log)
        except TimeoutError as error:
            raise AppFailed(f"APP_TOO_SLOW: {command!r} took longer than {SYNTH_SECONDS:.0f} s") from error
        except OSError as error:
            raise AppFailed(f"APP_FAILED: {command!r} cannot be run: {error}") from error
        except GuardLost as error:
            raise AppFailed(f"APP_FAILED: {command!r} was ended: {error}") from error
        if status != 0:
            how = f"with exit status {status}" if status > 0 else f"by signal {signal.Signals(-status).name}"
            raise AppFailed(f"APP_FAILED: {command!r} ended {how}; its own words are above")
        if not (outdir / "manifest.json").is_file():
            raise AppFailed(f"APP_SILENT: {command!r} wrote no cloud assembly to $CDK_OUTDIR; does it call app.synth()?")
        try:
            adopt(outdir, self.directory)
        except OSError as error:
            raise AppFailed(f"APP_FAILED: the assembly of {command!r} cannot be kept: {error}") from error
        if self._seen is None:  # what changes while functions start is a change, what the first run itself wrote is none
            self._seen = self._sources.look()

    async def watch(self, on_change: Callable[[], Awaitable[None]]) -> None:
        """Synthesizes anew each time the app's sources have changed and are quiet again. Never returns.

        A change while the command runs asks for another run. A file that changes in several runs in a row is written by the command
        itself; it is told of once, and no longer watched, or the runs would never end.

        Args:
            on_change: What to do with the new assembly. It is not called when the command fails: the last good one stays.
        """
        loop = asyncio.get_running_loop()

        def on_line(line: str) -> None:
            loop.call_soon_threadsafe(self._log, line)

        seen = self._seen if self._seen is not None else await asyncio.to_thread(self._sources.look)
        in_a_row: dict[str, int] = {}
        own: set[str] = set()
        while True:
            before, seen = seen, await self._next(seen, own)
            what = sorted(changed(before, seen) - own)
            self._log(f"{what[0]}{f' and {len(what) - 1} more' if what[1:] else ''} changed; synthesizing: {self._command}")
            try:
                await asyncio.to_thread(self.synthesize, on_line)
            except AppFailed as failed:
                self._log(f"{failed}; what ran before goes on")
            else:
                await on_change()
            during = changed(seen, await asyncio.to_thread(self._sources.look)) - own
            in_a_row = {path: in_a_row.get(path, 0) + 1 for path in during}
            for path in sorted(path for path, times in in_a_row.items() if times >= OWN_FILE_RUNS):
                self._log(f"{path} is written by the app itself and no longer watched; name it in watch.exclude of cdk.json")
                own.add(path)

    async def _next(self, seen: Seen, own: AbstractSet[str]) -> Seen:
        """Waits for a change, and until it is quiet."""
        while True:
            started = time.monotonic()
            now = await asyncio.to_thread(self._sources.look)
            took = time.monotonic() - started
            if changed(seen, now) - own:
                break
            # A project of many files is looked at less often: for a tenth of the time at most.
            await asyncio.sleep(max(LOOK_SECONDS, 10 * took))
        while True:
            await asyncio.sleep(QUIET_SECONDS)
            later = await asyncio.to_thread(self._sources.look)
            if later == now:
                return now
            now = later
