"""Where the emulator tells what happens: out of it come log lines, metrics, and what the console shows.

`Telemetry` is for the whole run, `FunctionTelemetry` for a function, `EnvironmentTelemetry` for one of its environments.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from constructs_pkg.emulator.telemetry import lambda_metrics, platform_logs
from constructs_pkg.emulator.telemetry.alarms import Alarms, AlarmState, read_alarms
from constructs_pkg.emulator.telemetry.log_events import (
    EMBEDDED,
    LogGroupFilters,
    MetricFilter,
    embedded_samples,
    read_metric_filters,
)
from constructs_pkg.emulator.telemetry.metrics import MetricStore
from constructs_pkg.emulator.telemetry.platform_logs import LEVELS, TEXT_LEVEL, Answer, PlatformEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from constructs_pkg.assembly import CloudAssembly
    from constructs_pkg.emulator.functions import Function, FunctionUrl
    from constructs_pkg.emulator.http_server import Exchange
    from constructs_pkg.emulator.invocation import FunctionError, Invocation
    from constructs_pkg.emulator.log_tail import LogTail

KEPT_LINES = 10_000
"""So many log lines are kept for those who ask."""

_EMBEDDED = f'"{EMBEDDED}"'

APPLICATION_LEVELS = {"TRACE": 0, "DEBUG": 1, "INFO": 2, "WARN": 3, "ERROR": 4, "FATAL": 5}

MEMORY_SECONDS = 0.5
"""For so long the most memory that an environment has used is believed to be what it was."""

LATER_SECONDS = 0.02
"""How long what can wait waits. What is told of many answers one after the other takes half the time that it takes in between them."""

TURN_SECONDS = 0.001
"""For so long what has waited is done before streams have their turn again."""

MEANWHILE_SECONDS = 0.0001
"""For so long it is done when an invocation has been handed over: so long, at the least, its function takes to answer."""

MOST_LATER = 1000
"""So much may wait."""

SETTLE_SECONDS = 10.0
"""How long one waits for what has begun to be over."""


class LogEvent(NamedTuple):
    """One event of a log group. `at` is in seconds since 1970."""

    at: float
    log_group: str
    function: str
    line: str


@dataclass(kw_only=True)
class Stream:
    """An invocation in flight, as the console shows it."""

    function: Function
    qualifier: str | None
    invocation: Invocation
    cold: bool = False

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self.invocation.started_at

    @property
    def first_byte_seconds(self) -> float | None:
        """From its beginning to the first byte; None until then."""
        return self.invocation.first_byte_at - self.invocation.started_at if self.invocation.responding else None


class Telemetry:
    """What this run tells of itself.

    Attributes:
        metrics: Every metric, AWS/Lambda's and those of logs.
        streams: Invocations in flight, by request id.
        events: The last log events of all functions.
    """

    def __init__(
        self,
        assembly: CloudAssembly,
        *,
        log: Callable[[str], None],
        longest_period: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """
        Args:
            assembly: Whose metric filters and alarms count.
            log: Takes log lines.
            longest_period: Longer periods of alarms count as so many seconds. Default: the template's own.
            clock: The time in seconds since 1970.
        """
        self.metrics = MetricStore(clock)
        self.streams: dict[str, Stream] = {}
        self.events: deque[LogEvent] = deque(maxlen=KEPT_LINES)
        self._log = log
        self._longest_period = longest_period
        self._unsettled = 0
        self._settling = 0
        self._quiet = asyncio.Event()
        self._url_series: dict[tuple[str, str | None], lambda_metrics.UrlSeries] = {}
        self._alarms = Alarms([], [], self.metrics)
        self._filters: dict[str, LogGroupFilters] = {}
        self._later: deque[Callable[[], None]] = deque()
        self._later_timer: asyncio.TimerHandle | None = None
        self.use(assembly)

    def use(self, assembly: CloudAssembly) -> None:
        """Takes the metric filters and alarms of an assembly, in place of those before. Metrics stay."""
        filters, refused = read_metric_filters(assembly)
        by_group: dict[str, list[MetricFilter]] = {}
        for one in filters:
            by_group.setdefault(one.log_group, []).append(one)
        self._filters = {log_group: LogGroupFilters(some) for log_group, some in by_group.items()}
        for line in refused:
            self._log(f"warning: {line}")
        self._alarms = Alarms(*read_alarms(assembly), self.metrics, longest_period=self._longest_period)

    def alarms(self) -> Mapping[str, AlarmState]:
        """The state of each of the template's alarms by what this run has measured until now, by construct path."""
        return self._alarms.evaluate()

    def function(self, function: Function, log: Callable[[str], None]) -> FunctionTelemetry:
        """For one function. `log` takes its lines."""
        return FunctionTelemetry(self, function, log)

    def url_request(self, url: FunctionUrl, exchange: Exchange) -> None:
        """A Function URL is asked; the rest is told when it has answered."""
        key = (url.function_name, url.qualifier)
        series = self._url_series.get(key)
        if series is None:
            series = self._url_series[key] = lambda_metrics.UrlSeries(self.metrics, *key)
        answered, started = series.answered, time.monotonic()
        self._unsettled += 1

        def over() -> None:
            answered(exchange.status, time.monotonic() - started)
            self._unsettled -= 1
            self.rest()

        exchange.on_over = over

    def rest(self) -> None:
        """Something is over: those who wait for everything to be over look again."""
        if self._settling and not self._unsettled and not self.streams:
            self.catch_up()
            self._quiet.set()

    async def settled(self, seconds: float = SETTLE_SECONDS) -> None:
        """Waits until everything that has begun has been told.

        Raises:
            TimeoutError: something is still under way after so many seconds.
        """
        self._quiet.clear()
        self._settling += 1
        try:
            self.rest()
            async with asyncio.timeout(seconds):
                await self._quiet.wait()
        finally:
            self._settling -= 1

    def later(self, step: Callable[[], None]) -> None:
        """Does something soon. The order is kept: whatever is told at once has to `catch_up` before."""
        self._later.append(step)
        if len(self._later) > MOST_LATER:
            self.catch_up()
        elif self._later_timer is None:
            self._later_timer = asyncio.get_running_loop().call_later(LATER_SECONDS, self._turn)

    def catch_up(self) -> None:
        """Does what has been left for later."""
        while self._later:
            self._later.popleft()()

    def meanwhile(self) -> None:
        """An invocation has been handed over: does some of what has been left for later, while nobody waits for it."""
        try:
            self._work(MEANWHILE_SECONDS)
        except Exception as error:  # noqa: BLE001 - told as the timer's would be: that invocation has nothing to do with it
            context = {"message": "Exception in what was left for later", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)

    def _turn(self) -> None:
        self._later_timer = None
        try:
            self._work(TURN_SECONDS)
        finally:
            if self._later:
                self._later_timer = asyncio.get_running_loop().call_later(0, self._turn)

    def _work(self, seconds: float) -> None:
        until = time.perf_counter() + seconds
        while self._later and time.perf_counter() < until:
            self._later.popleft()()

    def keep(self, function: Function, line: str) -> None:
        """Keeps a log event for those who ask."""
        self.events.append(LogEvent(self.metrics.clock(), function.log_group, function.path, line))

    def measure(self, function: Function, line: str, document: Any) -> None:
        """Looks at a log event for metrics.

        Args:
            function: Whose.
            line: The event.
            document: The same where it is JSON, else None.
        """
        filters = self._filters.get(function.log_group)
        if filters is not None:
            for namespace, name, value, dimensions in filters.samples(line, document):
                self.metrics.put(namespace, name, value, dimensions)
        if isinstance(document, dict) and EMBEDDED in document:
            for namespace, dimensions, samples, at in embedded_samples(document):
                self.metrics.put_all(namespace, samples, dimensions, at=at)


class FunctionTelemetry:
    """What one function does."""

    def __init__(self, telemetry: Telemetry, function: Function, log: Callable[[str], None]) -> None:
        self.telemetry = telemetry
        self.function = function
        self._log = log
        self._json = function.log_format == "JSON"
        self._level = LEVELS.get(function.system_log_level if self._json else TEXT_LEVEL, LEVELS["INFO"])
        self._application_level = APPLICATION_LEVELS.get(function.log_level, APPLICATION_LEVELS["INFO"])
        self._series: dict[str | None, lambda_metrics.AliasSeries] = {}
        self._active: dict[str | None, int] = {}

    def environment(self, *, version: str, kind: str) -> EnvironmentTelemetry:
        """For one environment. `kind` is as in AWS_LAMBDA_INITIALIZATION_TYPE."""
        return EnvironmentTelemetry(self, version=version, kind=kind)

    def line(self, text: str, tail: LogTail | None = None) -> None:
        """A line that the function itself wrote."""
        if _EMBEDDED in text and tail is None:  # metrics, which our runtime writes at the end of each stream
            self.telemetry.later(lambda: self._line(text, None))
        else:
            self.telemetry.catch_up()
            self._line(text, tail)

    def _line(self, text: str, tail: LogTail | None) -> None:
        document = _document(text)
        if self._json and isinstance(document, dict) and EMBEDDED not in document:
            level = APPLICATION_LEVELS.get(str(document.get("level", "")).upper(), APPLICATION_LEVELS["INFO"])
            if "level" in document and level < self._application_level:
                return
        self._tell(text, document, tail)

    def say(self, text: str) -> None:
        """A line of the emulator's own about the function."""
        self.telemetry.catch_up()
        self._log(text)

    def event(self, event: PlatformEvent, tail: LogTail | None = None, *, at: float | None = None) -> None:
        """An event of the platform, written as the function's log format and level have it.

        Args:
            event: The event.
            tail: Who takes the lines, too.
            at: When it was, in seconds since 1970. Default: now, and whatever waits is told before it.
        """
        if at is None:
            self.telemetry.catch_up()
        if LEVELS[event.level] < self._level:
            return
        if self._json:
            document = {"type": event.type, "record": event.record}
            self._tell(platform_logs.json_line(event, time.time() if at is None else at), document, tail)
            return
        for line in platform_logs.text_lines(event):
            self._tell(line, None, tail)

    def _tell(self, line: str, document: Any, tail: LogTail | None) -> None:
        self.telemetry.keep(self.function, line)
        self.telemetry.measure(self.function, line, document)
        if tail is not None:
            tail.add(line)
        self._log(line)

    def throttled(self, qualifier: str | None) -> None:
        """An invocation was refused."""
        self.series(qualifier).throttled()

    def failed_to_start(self, invocation: Invocation) -> None:
        """An invocation failed because its environment did."""
        self.series(qualifier_of(invocation)).invoked(seconds=None, failed=True)

    def began(self, stream: Stream) -> tuple[int, int, int]:
        """An invocation reached an environment. How many are under way by its qualifier, of this function, and of all."""
        qualifier = stream.qualifier
        self._active[qualifier] = self._active.get(qualifier, 0) + 1
        self.telemetry.streams[stream.invocation.request_id] = stream
        return self._active[qualifier], sum(self._active.values()), len(self.telemetry.streams)

    def ended(self, invocation: Invocation) -> Stream | None:
        """An invocation is wholly over. What it was; None where it was over already."""
        stream = self.telemetry.streams.pop(invocation.request_id, None)
        if stream is not None:
            self._active[stream.qualifier] -= 1
        return stream

    def series(self, qualifier: str | None) -> lambda_metrics.AliasSeries:
        """The metrics of the function by one qualifier."""
        found = self._series.get(qualifier)
        if found is None:
            version = self.function.version_of(qualifier) or ""
            found = self._series[qualifier] = lambda_metrics.AliasSeries(
                self.telemetry.metrics, self.function.name, qualifier, version
            )
        return found


class EnvironmentTelemetry:
    """What one environment does, in the order in which it does it."""

    def __init__(self, function: FunctionTelemetry, *, version: str, kind: str) -> None:
        self._function = function
        self._version = version
        self._kind = kind
        self._instance = f"{datetime.now(UTC):%Y/%m/%d}/[{version}]{uuid4().hex}"
        self._init_seconds: float | None = None
        self._restore_seconds: float | None = None
        self._restored_at: float | None = None
        self._init_at = time.monotonic()
        self._phase = "init"
        self._started_at = time.time()
        self._peak_mb: int | None = None
        self._look_again_at = 0.0
        self._tail: LogTail | None = None
        self.pid = 0

    @property
    def log_stream(self) -> str:
        """The name of its log stream."""
        return self._instance

    def line(self, text: str) -> None:
        """A line that the function itself wrote."""
        self._function.line(text, self._tail)

    def init_started(self, phase: str = "init") -> None:
        """The init phase begins, or is begun anew in the phase `invoke`."""
        self._phase, self._init_at = phase, time.monotonic()
        self._function.event(platform_logs.init_start(kind=self._kind, phase=phase, **self._where(self._function.function)))

    def init_done(self, error: FunctionError | None = None, *, timed_out: bool = False) -> None:
        """The init phase is over, well or badly; with SnapStart, what is over now is the restore."""
        if self._restored_at is not None:
            self._restore_done(error)
            return
        seconds = time.monotonic() - self._init_at
        status = "timeout" if timed_out else "error" if error is not None else "success"
        common: dict[str, Any] = {
            "kind": self._kind,
            "phase": self._phase,
            "status": status,
            "error_type": error.error_type if error is not None else None,
        }
        if not timed_out:
            self._function.event(platform_logs.init_runtime_done(**common))
        self._function.event(platform_logs.init_report(seconds=seconds, **common))
        if status == "success" and self._kind == "on-demand":
            self._init_seconds = seconds
        if error is not None:
            self._function.say(f"init failed: {error.error_type}: {error.message}")

    def restored(self) -> None:
        """The runtime is ready for a snapshot; the one process goes on as if restored from it."""
        self.init_done()
        self._restored_at = time.monotonic()
        self._function.event(platform_logs.restore_start(**self._where(self._function.function)))

    def _restore_done(self, error: FunctionError | None) -> None:
        assert self._restored_at is not None
        seconds, self._restored_at = time.monotonic() - self._restored_at, None
        status, error_type = ("success", None) if error is None else ("error", error.error_type)
        self._function.event(platform_logs.restore_runtime_done(status=status, error_type=error_type))
        self._function.event(platform_logs.restore_report(seconds=seconds, status=status, error_type=error_type))
        self._restore_seconds = seconds

    def began(self, invocation: Invocation, *, provisioned: bool, busy: int, allocated: int) -> None:
        """An invocation has begun.

        Args:
            invocation: Which.
            provisioned: Whether the environment is a provisioned one.
            busy: Provisioned environments of its version that are busy now, this one among them.
            allocated: Provisioned environments that the version has; 0 for none.
        """
        self._started_at = started_at = time.time()
        self._tail = tail = invocation.tail
        stream = Stream(
            function=self._function.function,
            qualifier=qualifier_of(invocation),
            invocation=invocation,
            cold=self._init_seconds is not None,
        )
        under_way = self._function.began(stream)
        self._function.telemetry.meanwhile()

        def tell() -> None:
            series = self._function.series(stream.qualifier)
            series.concurrent(*under_way)
            if allocated:
                series.provisioned(spilled=not provisioned, busy=busy, allocated=allocated)
            event = platform_logs.start(request_id=invocation.request_id, version=self._version, trace=invocation.trace_id)
            self._function.event(event, tail, at=started_at)

        self._tell(tell, tail)

    def _tell(self, tell: Callable[[], None], tail: LogTail | None) -> None:
        """Tells something of an invocation soon; or at once where somebody waits for its log."""
        if tail is None:
            self._function.telemetry.later(tell)
        else:
            self._function.telemetry.catch_up()
            tell()

    def ended(self, invocation: Invocation, *, status: str = "success", error_type: str | None = None) -> None:
        """An invocation is wholly over: the runtime asked for the next one, or the environment ended."""
        since = invocation.started_at
        answer = Answer(
            done=time.monotonic() - since,
            begun=invocation.first_byte_at - since if invocation.responding else None,
            ended=invocation.ended_at - since if invocation.ended_at else None,
            produced_bytes=invocation.produced_bytes,
            status=status,
            error_type=error_type,
        )
        at, started_at, tail, used_mb = time.time(), self._started_at, self._tail, self._used_mb()
        init_seconds, restore_seconds = self._init_seconds, self._restore_seconds
        self._tail = self._init_seconds = self._restore_seconds = None
        stream = self._function.ended(invocation)
        if stream is None:
            return

        def tell() -> None:
            common: dict[str, Any] = {"request_id": invocation.request_id, "trace": invocation.trace_id, "answer": answer}
            self._function.event(platform_logs.runtime_done(started_at=started_at, **common), tail, at=at)
            report = platform_logs.report(
                memory_mb=self._function.function.memory_mb,
                used_mb=used_mb,
                init_seconds=init_seconds,
                restore_seconds=restore_seconds,
                **common,
            )
            self._function.event(report, tail, at=at)
            if tail is not None:
                tail.close()
            self._function.series(stream.qualifier).invoked(seconds=answer.done, failed=invocation.error is not None)
            self._function.telemetry.rest()

        self._tell(tell, tail)

    def closed(self) -> None:
        """The environment is ended: nothing stays untold."""
        self._function.telemetry.catch_up()

    def out_of_memory(self) -> None:
        """The environment was ended since it held more memory than it may: then Lambda tells all that it has."""
        self._peak_mb, self._look_again_at = self._function.function.memory_mb, float("inf")

    def _used_mb(self) -> int | None:
        now = time.monotonic()
        if now >= self._look_again_at:
            self._look_again_at = now + MEMORY_SECONDS
            self._peak_mb = peak_memory_mb(self.pid) or self._peak_mb
        return self._peak_mb

    def _where(self, function: Function) -> dict[str, Any]:
        family = function.runtime or "provided"
        return {
            "name": function.name,
            "version": self._version,
            # Lambda names the runtime's own version here (python:3.13.v12) and its ARN; there is no such version on this machine.
            "runtime": f"{_dotted(family)}.emulated",
            "runtime_arn": f"arn:aws:lambda:{function.region}::runtime:emulated",
            "instance": self._instance,
            "memory_mb": function.memory_mb,
        }


def qualifier_of(invocation: Invocation) -> str | None:
    """The alias or version that a caller named."""
    parts = invocation.invoked_arn.split(":")
    return parts[7] if len(parts) > 7 else None


def peak_memory_mb(pid: int) -> int | None:
    """The most memory that a process ever held; None where the system does not tell (it is Linux's /proc that does)."""
    if not pid:
        return None
    try:
        status = Path(f"/proc/{pid}/status").read_bytes()
    except OSError:
        return None
    _, found, rest = status.partition(b"VmHWM:")
    return -(-int(rest.split(None, 1)[0]) // 1024) if found else None


def _dotted(runtime: str) -> str:
    """`python3.13` as `python:3.13`."""
    name = runtime.rstrip("0123456789.x")
    return f"{name}:{runtime[len(name) :]}" if name and name != runtime else runtime


def _document(text: str) -> Any:
    if not text.startswith("{"):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None
