"""What `streaming-lambda local` shows while it runs: functions, URLs, streams in flight and alarms, below the log lines.

On a terminal these stand at the bottom and log lines scroll by above them; elsewhere (a file, a pipe, `--json`) there are log lines
alone, and a line whenever an alarm changes its state. Plain ANSI, no dependency: a few lines a few times a second do not need one.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import TextIO

    from constructs_pkg.emulator.emulator import Emulator
    from constructs_pkg.emulator.telemetry import AlarmState, MetricStore, Stream

REFRESH_SECONDS = 0.25
"""How often the lower part is drawn anew."""

ALARM_SECONDS = 1.0
"""How often alarms are evaluated."""

_COLOURS = {"ALARM": "31", "OK": "32", "INSUFFICIENT_DATA": "33"}


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What is shown, at one moment.

    Attributes:
        functions: The rows of `--json`.
        streams: Those in flight.
        alarms: By construct path.
        metrics: What has been measured.
        faults: What goes wrong on purpose, as text.
    """

    functions: Sequence[Mapping[str, Any]]
    streams: Sequence[Stream]
    alarms: Mapping[str, AlarmState]
    metrics: MetricStore
    faults: Sequence[str] = ()


def render(snapshot: Snapshot, *, width: int, height: int, colour: bool) -> list[str]:
    """The lower part of the screen. Pure.

    Args:
        snapshot: What to show.
        width: Columns; no line is longer.
        height: Rows, at most; what does not fit is told in the last one.
        colour: Whether states have colours.
    """
    alarms = sorted(snapshot.alarms.values(), key=lambda state: (list(_COLOURS).index(state.value), state.path))
    ringing = sum(state.value == "ALARM" for state in alarms)
    counts = [
        _many(len(snapshot.functions), "function"),
        f"{_many(len(snapshot.streams), 'stream')} in flight",
        f"{ringing} of {_many(len(alarms), 'alarm')} in ALARM",
        *(f"fault {fault}" for fault in snapshot.faults),
    ]
    title = f"── {' · '.join(counts)} "
    rows: list[tuple[str, str | None]] = [(title.ljust(width, "─"), None)]
    for row in snapshot.functions:
        rows.append((_function(row, snapshot.metrics), None))
        rows += [
            (_stream(stream), None)
            for stream in snapshot.streams
            if (stream.function.name, stream.qualifier) == (row["function_name"], row["alias"])
        ]
    fine = [state for state in alarms if state.value == "OK"]
    rows += [(f"  {state.value:<7} {state.path}: {state.reason}", state.value) for state in alarms if state.value != "OK"]
    rows += [(line, "OK") for line in _listed("  OK      ", [_short(state.path) for state in fine], width)]
    if len(rows) > height:
        left = len(rows) - height + 1
        rows = [*rows[: height - 1], (f"  ... and {left} more; a higher window shows them", None)]
    return [_line(text, state if colour else None, width) for text, state in rows]


class Screen:
    """Where log lines and the lower part go."""

    def __init__(self, stream: TextIO, *, live: bool, colour: bool) -> None:
        """
        Args:
            stream: The terminal, or file.
            live: Whether there is a lower part.
            colour: Whether it has colours.
        """
        self.live = live
        self.colour = colour
        self._stream = stream
        self._lower: list[str] = []
        self._lines: list[str] = []

    @classmethod
    def on(cls, stream: TextIO, *, wanted: bool) -> Screen:
        """With a lower part where it is wanted and the stream is a terminal that can have one."""
        live = wanted and stream.isatty() and os.environ.get("TERM", "") not in ("", "dumb")
        # https://no-color.org/
        return cls(stream, live=live, colour=live and not os.environ.get("NO_COLOR"))

    def log(self, line: str) -> None:
        """Writes a log line, above the lower part. In a running loop all lines of one turn leave in one write."""
        self._lines.append(line)
        if len(self._lines) == 1:
            try:
                asyncio.get_running_loop().call_soon(self._write)
            except RuntimeError:  # no loop runs in this thread
                self._write()

    def _write(self) -> None:
        lines, self._lines = self._lines, []
        if lines:
            self._stream.write(self._erasing() + "".join(f"{one}\n" for one in (*lines, *self._lower)))
            self._stream.flush()

    def show(self, lines: Sequence[str]) -> None:
        """Draws the lower part."""
        self._write()
        if list(lines) != self._lower:
            erasing, self._lower = self._erasing(), list(lines)
            self._stream.write(erasing + "".join(f"{one}\n" for one in self._lower))
            self._stream.flush()

    def close(self) -> None:
        """Takes the lower part away."""
        self.show([])

    def _erasing(self) -> str:
        return f"\x1b[{len(self._lower)}A\r\x1b[J" if self._lower else ""


async def keep_showing(emulator: Emulator, screen: Screen) -> None:
    """Draws the lower part again and again, or tells of alarms alone; until cancelled."""
    known: dict[str, str] = {}
    turns = round(ALARM_SECONDS / REFRESH_SECONDS)
    turn = 0
    alarms: Mapping[str, AlarmState] = {}
    try:
        while True:
            if turn % turns == 0:
                alarms = emulator.alarms
                _tell_changes(alarms, known, screen.log)
            turn += 1
            if screen.live:
                size = shutil.get_terminal_size()
                snapshot = Snapshot(
                    functions=emulator.json()["functions"],
                    streams=list(emulator.telemetry.streams.values()),
                    alarms=alarms,
                    metrics=emulator.metrics,
                    faults=[fault.text for fault in emulator.faults],
                )
                # One row stays free: a full screen would scroll, and the next drawing would miss its place.
                screen.show(render(snapshot, width=size.columns - 1, height=max(3, size.lines - 1), colour=screen.colour))
            await asyncio.sleep(REFRESH_SECONDS)
    finally:
        screen.close()


def _tell_changes(alarms: Mapping[str, AlarmState], known: dict[str, str], log: Callable[[str], None]) -> None:
    for path, state in alarms.items():
        before = known.get(path)
        if before is not None and before != state.value:
            log(f"alarm {path}: {before} -> {state.value}: {state.reason}")
        known[path] = state.value


def _function(row: Mapping[str, Any], metrics: MetricStore) -> str:
    name = row["path"] + (f" ({row['alias']})" if row["alias"] else "")
    if row["broken"]:
        return f"  {name}  not running: {row['broken']}"
    resource = f"{row['function_name']}:{row['alias']}" if row["alias"] else row["function_name"]
    dimensions = {"FunctionName": row["function_name"], "Resource": resource}
    calls, errors, throttles = (
        int(metrics.statistic(metric, **dimensions) or 0) for metric in ("Invocations", "Errors", "Throttles")
    )
    told = [
        _many(calls, "call"),
        *([_many(errors, "error")] if errors else []),
        *([f"{throttles} throttled"] if throttles else []),
    ]
    return f"  {name}  {row['url'] or 'no URL'}  {', '.join(told)}"


def _stream(stream: Stream) -> str:
    first = stream.first_byte_seconds
    waited = "no byte yet" if first is None else f"first byte {first * 1000:.0f} ms"
    cold = "  cold" if stream.cold else ""
    return f"    {stream.invocation.request_id[:8]}  {stream.seconds:6.1f} s  {waited}  {_size(stream.invocation.produced_bytes)}{cold}"


def _size(count: int) -> str:
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def _short(path: str) -> str:
    """A path without its stack, which alarms of one app mostly share."""
    return path.partition("/")[2] or path


def _listed(start: str, words: Iterable[str], width: int) -> list[str]:
    lines: list[str] = []
    line = start
    for word in words:
        if line != start and len(line) + len(word) + 2 > width:
            lines.append(line)
            line = " " * len(start)
        line += ("" if line.isspace() or line == start else "  ") + word
    return [*lines, line] if line.strip() and line != start else lines


def _line(text: str, state: str | None, width: int) -> str:
    text = text.replace("\n", " ")
    if len(text) > width:
        text = text[: width - 1] + "…"
    return f"\x1b[{_COLOURS[state]}m{text}\x1b[0m" if state is not None else text


def _many(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")
