"""One execution environment: a process group with Lambda's variables and folders, and the Runtime API it talks to.

Its life: init (until the first /next), then idle, busy and, between the end of a response and the runtime's next /next,
finishing. It dies of a failed init, an exit, a timeout, or the emulator's end.
Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html.
"""

from __future__ import annotations

import asyncio
import enum
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from constructs_pkg.emulator.invocation import FunctionError, Invocation
from constructs_pkg.emulator.runtime_api import RuntimeApi
from constructs_pkg.emulator.supervisor import SpawnFailed, SupervisedProcess, Supervisor
from constructs_pkg.emulator.variables import REAL_PLACES, Places, Surroundings, environment_variables

if TYPE_CHECKING:
    from collections.abc import Callable

    from constructs_pkg.emulator.functions import Function
    from constructs_pkg.emulator.limits import Bandwidth
    from constructs_pkg.emulator.runtimes import Launch
    from constructs_pkg.emulator.telemetry import FunctionTelemetry

INIT_SECONDS = 10.0
"""Lambda's limit on an on-demand environment's init phase. An init that is longer is begun anew, within the function's timeout."""

FREEZE_SECONDS = 0.05
"""How long an environment is idle before it is frozen. On Lambda it is at once; this saves a call that follows soon the thawing."""

PROVISIONED_INIT_SECONDS = 130.0
"""The same for a provisioned environment, or the function's timeout where that is longer."""


_PYCACHE = "/.streaming-lambda/pycache"


class State(enum.Enum):
    """Where an environment is in its life."""

    INIT = "init"
    IDLE = "idle"
    BUSY = "busy"
    FINISHING = "finishing"
    DEAD = "dead"


class InitFailed(Exception):
    """An environment could not be brought to its first /next."""

    def __init__(self, error: FunctionError) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that is needed to start an environment of a function.

    Attributes:
        mounted: Whether Lambda's paths are real there, in a file system of its own.
        freezes: Whether an idle environment is stopped.
        bandwidth: How fast a stream may be; None for as fast as it can.
        init_delay: Asked at each init: how many seconds it takes longer.
        limits_memory: Whether an environment that holds more memory than the function has is killed.
    """

    function: Function
    launch: Launch
    task: Path
    opt: Path
    pycache: Path
    surroundings: Surroundings
    init_seconds: float = INIT_SECONDS
    mounted: bool = False
    freezes: bool = True
    bandwidth: Bandwidth | None = None
    init_delay: Callable[[], float] = lambda: 0.0
    limits_memory: bool = True


class Environment:
    """One execution environment."""

    def __init__(
        self,
        plan: Plan,
        supervisor: Supervisor,
        *,
        version: str,
        provisioned: bool,
        telemetry: FunctionTelemetry,
        on_change: Callable[[Environment], None],
    ) -> None:
        """
        Args:
            plan: What to start.
            supervisor: Who starts it.
            version: Version of the function, `$LATEST` or a number.
            provisioned: Whether it is one of an alias' provisioned environments.
            telemetry: Takes the function's log lines, and is told what happens.
            on_change: Told when the environment is idle, finishing or dead.
        """
        self.provisioned = provisioned
        self.version = version
        self.state = State.INIT
        self.invocation: Invocation | None = None
        self.process: SupervisedProcess | None = None
        self._plan = plan
        self._supervisor = supervisor
        self._log = telemetry.say
        self._on_change = on_change
        self._telemetry = telemetry.environment(version=version, kind=self._initialization_type)
        self._api = RuntimeApi(self, on_error=self._log, bandwidth=plan.bandwidth)
        self._ready: asyncio.Future[None] | None = None
        self._answered: Invocation | None = None
        self._timeout: asyncio.TimerHandle | None = None
        self._deadline = 0.0
        self._folder: Path | None = None
        self._freezing: asyncio.TimerHandle | None = None
        self._idle_since = 0.0
        self._frozen = False
        self._abandoned: set[SupervisedProcess] = set()

    @property
    def ready(self) -> bool:
        """Whether it waits for an invocation."""
        return self.state is State.IDLE and self._api.waiting is not None

    async def start(self) -> None:
        """Runs the init phase, bounded.

        Raises:
            InitFailed: with the error as Lambda reports it. The environment is dead then.
        """
        limit = self._plan.init_seconds
        timeout = self._plan.function.timeout_seconds
        again = False
        if self.provisioned or self._initialization_type == "snap-start":
            limit = max(limit, PROVISIONED_INIT_SECONDS, timeout)
        while True:
            self._telemetry.init_started("invoke" if again else "init")
            try:
                async with asyncio.timeout(limit):
                    await self._begin()
            except TimeoutError:
                self._telemetry.init_done(timed_out=True)
                error = FunctionError.of_platform("Sandbox.Timedout", f"Error: Task timed out after {limit:.2f} seconds")
                if not again and not self.provisioned:
                    # https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib: it is begun
                    # anew at the invocation, with the function's own timeout.
                    again, limit = True, timeout
                    await self._abandon()
                    continue
            except SpawnFailed as failure:
                error = FunctionError.of_platform("Runtime.InvalidEntrypoint", f"Error: {failure}")
            except InitFailed as failed:
                error = failed.error
            else:
                self._telemetry.init_done()
                return
            if error.error_type == "Sandbox.Timedout":
                self._log(f"init failed: {error.message}")
            else:
                self._telemetry.init_done(error)
            await self.close()
            raise InitFailed(error)

    async def _begin(self) -> None:
        self._ready = asyncio.get_running_loop().create_future()
        delay = self._plan.init_delay()
        if delay:
            await asyncio.sleep(delay)
        await self._spawn()
        await self._ready

    async def _abandon(self) -> None:
        """Ends an init that took too long, so that it can be begun anew."""
        self._ready = None
        process, self.process = self.process, None
        if process is not None:
            self._abandoned.add(process)
            process.kill()
        await self._api.close()
        self._api = RuntimeApi(self, on_error=self._log, bandwidth=self._plan.bandwidth)
        if self._folder is not None:
            self._supervisor.remove(self._folder)
            self._folder = None

    @property
    def _initialization_type(self) -> str:
        if self.provisioned:
            return "provisioned-concurrency"
        return "snap-start" if self._plan.function.snap_start and self.version != "$LATEST" else "on-demand"

    async def _spawn(self) -> None:
        plan, supervisor = self._plan, self._supervisor
        port = await self._api.bind()
        self._folder = supervisor.folder / f"env-{uuid4().hex[:12]}"
        self._folder.mkdir()
        places, mounts = self._places(self._folder)
        variables = environment_variables(
            plan.function,
            version=self.version,
            initialization_type=self._initialization_type,
            runtime_api=f"127.0.0.1:{port}",
            log_stream=self._telemetry.log_stream,
            places=places,
            surroundings=plan.surroundings,
            pycache=plan.pycache if mounts is None else Path(_PYCACHE),
            extra=plan.launch.variables,
        )
        self.process = await supervisor.spawn(
            [places.program(argument) for argument in plan.launch.argv],
            env=variables,
            cwd=plan.task,
            on_line=self._telemetry.line,
            on_exit=self._on_exit,
            mounts=mounts,
            on_frame=self._telemetry.line if plan.launch.frames else None,
            memory_mb=plan.function.memory_mb if plan.limits_memory else None,
        )
        self._telemetry.pid = self.process.pid

    def _places(self, folder: Path) -> tuple[Places, dict[str, object] | None]:
        """Where Lambda's paths are for a process, and the file system that makes it so."""
        plan = self._plan
        if plan.mounted:
            root = folder / "root"
            root.mkdir()
            plan.pycache.mkdir(parents=True, exist_ok=True)
            mounts: dict[str, object] = {
                "root": str(root),
                "read_only": {"/var/task": str(plan.task), "/opt": str(plan.opt), "/var/runtime": str(plan.launch.runtime)},
                "writable": {_PYCACHE: str(plan.pycache)},
                "tmp_mb": plan.function.tmp_mb,
                "cwd": "/var/task",
            }
            return REAL_PLACES, mounts
        places = Places(task=plan.task, opt=plan.opt, runtime=plan.launch.runtime, tmp=folder / "tmp", home=folder / "home")
        for own in (places.tmp, places.home):
            own.mkdir()
        return places, None

    def run(self, invocation: Invocation, *, busy: int = 0, allocated: int = 0) -> None:
        """Hands an invocation to this idle environment. The function's timeout begins now.

        Args:
            invocation: What to run.
            busy: Provisioned environments of this version that are busy now; for the metrics.
            allocated: Provisioned environments that it has.
        """
        assert self.ready
        self._thaw()
        loop = asyncio.get_running_loop()
        timeout = self._plan.function.timeout_seconds
        self.state = State.BUSY
        self.invocation = invocation
        invocation.on_kill = lambda: self._kill(invocation)
        invocation.started_at = time.monotonic()
        invocation.deadline_ms = int((time.time() + timeout) * 1000)
        self._deadline = loop.time() + timeout
        if self._timeout is None:
            self._timeout = loop.call_at(self._deadline, self._look_at_deadline)
        self._api.deliver(invocation)
        # After it, so that the function works already; none of its own lines can have come before this.
        self._telemetry.began(invocation, provisioned=self.provisioned, busy=busy, allocated=allocated)

    # What the Runtime API tells.

    def on_next(self) -> None:
        """The runtime waits for an invocation: init is over, or the last invocation wholly is."""
        if self.state is State.INIT:
            self.state = State.IDLE
            if self._ready is not None and not self._ready.done():
                self._ready.set_result(None)
            self._freeze_soon()
        elif self.state is State.FINISHING:
            self.state = State.IDLE
            answered, self._answered = self._answered, None
            if answered is not None:
                self._telemetry.ended(answered)
            self._freeze_soon()
            self._on_change(self)

    def on_restored(self) -> None:
        """A snapshot would be taken now, and restored at an invocation. Here the one process goes on as if it had been."""
        self._telemetry.restored()

    def on_restore_error(self, error: FunctionError) -> None:
        """A hook after the restore failed; the runtime exits next."""
        self.on_init_error(error)

    def _freeze_soon(self) -> None:
        if self._plan.freezes:
            self._idle_since = time.monotonic()
            if self._freezing is None:
                self._freezing = asyncio.get_running_loop().call_later(FREEZE_SECONDS, self._freeze)

    def _freeze(self) -> None:
        self._freezing = None
        if self.state is not State.IDLE or self.process is None:
            return
        idle = time.monotonic() - self._idle_since
        if idle < FREEZE_SECONDS:  # it was called in between; a timer of its own for each call would cost every call
            self._freezing = asyncio.get_running_loop().call_later(FREEZE_SECONDS - idle, self._freeze)
            return
        self.process.freeze()
        self._frozen = True

    def _thaw(self) -> None:
        if self._frozen and self.process is not None:
            self._frozen = False
            self.process.thaw()

    def on_response_over(self, invocation: Invocation) -> None:
        """The runtime has answered. It may still have work before its next /next."""
        if self.invocation is not invocation:
            return
        self.invocation, self._answered = None, invocation
        if self.state is State.BUSY:
            self.state = State.FINISHING
            self._on_change(self)

    def on_init_error(self, error: FunctionError) -> None:
        """The runtime says why it cannot start; it exits next."""
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(InitFailed(error))

    # What ends it.

    def _look_at_deadline(self) -> None:
        """One timer serves invocation after invocation: one for each would cost each."""
        self._timeout = None
        if self.invocation is None:
            return
        loop = asyncio.get_running_loop()
        if loop.time() < self._deadline:
            self._timeout = loop.call_at(self._deadline, self._look_at_deadline)
        else:
            self._on_timeout(self.invocation)

    def _on_timeout(self, invocation: Invocation) -> None:
        seconds = self._plan.function.timeout_seconds
        message = f"RequestId: {invocation.request_id} Error: Task timed out after {seconds:.2f} seconds"
        self._log(f"{invocation.request_id} Task timed out after {seconds:.2f} seconds")
        self._die(FunctionError.of_platform("Sandbox.Timedout", message))

    def _on_exit(self, process: SupervisedProcess) -> None:
        if process in self._abandoned:
            self._abandoned.discard(process)
            return
        if self._ready is not None and not self._ready.done():
            message = f"Error: {process.describe_exit()}"
            self._ready.set_exception(InitFailed(FunctionError.of_platform(_exit_error(process), message)))
            return
        request_id = self.invocation.request_id if self.invocation is not None else ""
        if self.state is not State.DEAD:
            message = f"RequestId: {request_id} Error: {process.describe_exit()}"
            self._log(message)
            if process.out_of_memory:
                self._telemetry.out_of_memory()
            self._die(FunctionError.of_platform(_exit_error(process), message))

    def _kill(self, invocation: Invocation) -> None:
        if self.invocation is invocation:
            message = f"RequestId: {invocation.request_id} Error: Runtime exited with error: signal: killed"
            self._log(message)
            self._die(FunctionError.of_platform("Runtime.ExitError", message))

    def _die(self, error: FunctionError) -> None:
        """Ends the environment, and with it what it was doing."""
        invocation, self.invocation = self.invocation, None
        ended, self._answered = invocation or self._answered, None
        self._release()
        if invocation is not None:
            invocation.fail(error)
        if ended is not None:
            if error.error_type == "Sandbox.Timedout":
                self._telemetry.ended(ended, status="timeout")
            else:
                self._telemetry.ended(ended, status="error", error_type=error.error_type)
        self._on_change(self)
        asyncio.get_running_loop().create_task(self._api.close())

    def _release(self) -> None:
        self.state = State.DEAD
        if self._timeout is not None:
            self._timeout.cancel()
            self._timeout = None
        if self._freezing is not None:
            self._freezing.cancel()
            self._freezing = None
        if self.process is not None:
            self.process.kill()
        if self._folder is not None:
            self._supervisor.remove(self._folder)
            self._folder = None

    async def close(self) -> None:
        """Ends the environment in silence."""
        self._telemetry.closed()
        self._release()
        await self._api.close()


def _exit_error(process: SupervisedProcess) -> str:
    """The error type of a process that ended by itself. For memory it is the one that Lambda's own log lines have carried since 2025:
    https://github.com/DataDog/datadog-lambda-extension/pull/776.
    """
    return "Runtime.OutOfMemory" if process.out_of_memory else "Runtime.ExitError"
