"""Which environment an invocation gets: a warm one, a new one, or none (throttled).

Sources: https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html,
https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from constructs_pkg.emulator.environment import Environment, InitFailed, State
from constructs_pkg.emulator.invocation import FunctionError, Invocation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ACCOUNT_CONCURRENCY = 1000
"""Default quota of an account: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html."""

FINISHING_SECONDS = 0.1
"""How long an invocation waits for an environment that has just answered, before another is started or the caller is throttled.

Between the end of a response and the runtime's next /next lie some hundred microseconds. On AWS the way back to the caller is
longer than that; here a caller could be back first, and would see a cold start, or a 429, that it never sees there.
"""


RETIRING_SECONDS = 1.0
"""How long, at most, between two looks at what is left of a function that another has taken the place of."""

REPLACEMENT_SECONDS = 0.25
"""Pause before a provisioned environment that died is made anew, so that one which always dies does not keep the machine busy."""


WARMED_AT_ONCE = 4
"""Provisioned environments of a version that start at the same time; more would only wait for the processor."""


class Throttled(Exception):
    """No concurrency is left. `reason` is AWS's: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Patient(NamedTuple):
    """An invocation that waits, until then, for an environment that has just answered."""

    version: str
    invocation: Invocation
    until: float
    otherwise: Callable[[], None]


class AccountConcurrency:
    """The invocations of an account's functions without reserved concurrency, counted: what is reserved is taken from them.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
    """

    def __init__(self, limit: int = ACCOUNT_CONCURRENCY) -> None:
        self.limit = limit
        self.in_use = 0


class FunctionConcurrency:
    """The environments of one function: of all its versions, since reserved concurrency is the function's."""

    def __init__(
        self,
        *,
        reserved: int | None,
        account: AccountConcurrency,
        make: Callable[[str, bool, Callable[[Environment], None]], Environment],
        log: Callable[[str], None],
    ) -> None:
        """
        Args:
            reserved: Reserved concurrent executions, or None.
            account: The account's count.
            make: Makes an environment, not yet started: of a version, provisioned or not, with whom to tell of changes.
            log: Takes log lines.
        """
        self.reserved = reserved
        self.in_use = 0
        self.throttles = 0
        self.spillovers = 0
        self.cold_starts = 0
        self._account = account
        self._make = make
        self._log = log
        self._provisioned: dict[str, int] = {}
        self._environments: dict[str, list[Environment]] = {}
        self._charged: set[Environment] = set()
        self._busy: dict[str, int] = {}
        self._waiting: list[asyncio.Future[None]] = []
        self._patient: list[_Patient] = []
        self._patience: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def environments(self) -> Iterable[Environment]:
        """All that live."""
        return [environment for pool in self._environments.values() for environment in pool]

    async def provision(self, version: str, count: int) -> None:
        """Warms a version's provisioned environments. One that fails is told of in the log and tried again at the next call."""
        self._provisioned[version] = max(count, self._provisioned.get(version, 0))
        missing = self._provisioned[version] - sum(environment.provisioned for environment in self._pool(version))
        turns = asyncio.Semaphore(WARMED_AT_ONCE)

        async def warm() -> None:
            async with turns:
                await self._warm(version)

        await asyncio.gather(*(warm() for _ in range(missing)))

    def invoke_at_once(self, version: str, invocation: Invocation) -> bool:
        """Runs an invocation where an environment waits for one. Returns whether it did; `invoke` is for the rest."""
        environment = None if self._full() else self._idle(version)
        if environment is None:
            return False
        self._charge(version, environment)
        self._run(version, environment, invocation)
        return True

    def invoke_soon(self, version: str, invocation: Invocation, otherwise: Callable[[], None]) -> bool:
        """Runs an invocation as soon as an environment that has just answered is ready again, as `invoke` does, but without a task.

        Args:
            version: The version to run.
            invocation: What to run.
            otherwise: Called where none gets ready in time: then it is for `invoke`, without patience.

        Returns:
            Whether there is one to wait for.
        """
        if self._waiting or not self._finishing(version):
            return False
        loop = asyncio.get_running_loop()
        self._patient.append(_Patient(version, invocation, loop.time() + FINISHING_SECONDS, otherwise))
        if self._patience is None:
            self._patience = loop.call_later(FINISHING_SECONDS, self._lose_patience)
        return True

    async def invoke(self, version: str, invocation: Invocation, *, patient: bool = True) -> None:
        """Runs an invocation. Returns once it is handed over, or has failed already (its sink knows).

        Args:
            version: The version to run.
            invocation: What to run.
            patient: Whether it may wait for an environment that has just answered.

        Raises:
            Throttled: no concurrency is left.
        """
        environment = await self._acquire(version, FINISHING_SECONDS if patient else 0.0)
        if environment.state is State.INIT:
            try:
                await environment.start()
            except InitFailed as failed:
                self._forget(version, environment)
                message = f"RequestId: {invocation.request_id} {failed.error.message}"
                error = failed.error
                if error.error_type.startswith(
                    ("Runtime.ExitError", "Runtime.OutOfMemory", "Sandbox.", "Runtime.InvalidEntrypoint")
                ):
                    error = FunctionError.of_platform(error.error_type, message)
                invocation.fail(error)
                return
            except BaseException:
                self._forget(version, environment)
                await environment.close()
                raise
        if not environment.ready:  # it ended in the moment after its first /next
            self._forget(version, environment)
            await environment.close()
            message = f"RequestId: {invocation.request_id} Error: Runtime exited without providing a reason"
            invocation.fail(FunctionError.of_platform("Runtime.ExitError", message))
            return
        self._run(version, environment, invocation)

    def _run(self, version: str, environment: Environment, invocation: Invocation) -> None:
        environment.run(invocation, busy=self._busy.get(version, 0), allocated=self._provisioned.get(version, 0))

    async def _acquire(self, version: str, seconds: float) -> Environment:
        """A warm environment, so many seconds later at most, or a new one, charged to the function and the account."""
        loop = asyncio.get_running_loop()
        patience = loop.time() + seconds
        while True:
            full = self._full()
            environment = None if full else self._idle(version)
            if environment is None:
                if loop.time() < patience and self._finishing(version):
                    await self._wait_for_change(patience - loop.time())
                    continue
                if full:
                    self.throttles += 1
                    raise Throttled(full)
                environment = self._new(version)
            self._charge(version, environment)
            return environment

    def _charge(self, version: str, environment: Environment) -> None:
        self.in_use += 1
        self._account.in_use += self.reserved is None
        self._charged.add(environment)
        if environment.provisioned:
            self._busy[version] = self._busy.get(version, 0) + 1

    def _full(self) -> str | None:
        if self.reserved is not None and self.in_use >= self.reserved:
            return "ReservedFunctionConcurrentInvocationLimitExceeded"
        if self.reserved is None and self._account.in_use >= self._account.limit:
            return "ConcurrentInvocationLimitExceeded"
        return None

    def _idle(self, version: str) -> Environment | None:
        """The provisioned ones first, and of the others the one used last, so that the rest may rest."""
        last = None
        for environment in self._pool(version):
            if environment not in self._charged and environment.ready:
                if environment.provisioned:
                    return environment
                last = environment
        return last

    def _finishing(self, version: str) -> bool:
        """Whether an environment that would do has just answered."""
        pool = self.environments() if self._full() else self._pool(version)
        return any(environment.state is State.FINISHING for environment in pool)

    def _new(self, version: str) -> Environment:
        if self._provisioned.get(version):
            self.spillovers += 1
        self.cold_starts += 1
        environment = self._make(version, False, lambda changed: self._on_change(version, changed))
        self._pool(version).append(environment)
        return environment

    async def _warm(self, version: str) -> None:
        environment = self._make(version, True, lambda changed: self._on_change(version, changed))
        self._pool(version).append(environment)
        try:
            await environment.start()
        except InitFailed:
            self._forget(version, environment)
        self._tell_change()

    async def _replace(self, version: str) -> None:
        await asyncio.sleep(REPLACEMENT_SECONDS)
        await self.provision(version, 0)

    async def _wait_for_change(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        change: asyncio.Future[None] = loop.create_future()
        self._waiting.append(change)
        # Not asyncio.timeout: a call that follows another at once waits here, and that would cost it twice as much.
        timer = loop.call_later(seconds, self._tell_change)
        try:
            await change
        finally:
            timer.cancel()

    def _tell_change(self) -> None:
        """Lets everybody who waits look again."""
        if self._patient:
            self._serve_patient()
        waiting, self._waiting = self._waiting, []
        for change in waiting:
            if not change.done():
                change.set_result(None)

    def _serve_patient(self) -> None:
        patient, self._patient = self._patient, []
        for one in patient:
            if self.invoke_at_once(one.version, one.invocation):
                continue
            if self._finishing(one.version):
                self._patient.append(one)
            else:
                one.otherwise()

    def _lose_patience(self) -> None:
        """One timer for all of them, and for those that come later: it need not be cancelled with each."""
        loop = asyncio.get_running_loop()
        patient, self._patient = self._patient, []
        for one in patient:
            if one.until <= loop.time():
                one.otherwise()
            else:
                self._patient.append(one)
        self._patience = loop.call_at(self._patient[0].until, self._lose_patience) if self._patient else None

    def _on_change(self, version: str, environment: Environment) -> None:
        if environment.state in (State.IDLE, State.DEAD):
            self._discharge(environment)
        if environment.state is State.DEAD:
            self._forget(version, environment)
            if environment.provisioned and not self._closed:
                task = asyncio.get_running_loop().create_task(self._replace(version))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        self._tell_change()

    def _discharge(self, environment: Environment) -> None:
        if environment in self._charged and environment.invocation is None:
            self._charged.discard(environment)
            if environment.provisioned:
                self._busy[environment.version] -= 1
            self.in_use -= 1
            self._account.in_use -= self.reserved is None

    def _forget(self, version: str, environment: Environment) -> None:
        self._discharge(environment)
        pool = self._pool(version)
        if environment in pool:
            pool.remove(environment)
        self._tell_change()

    def _pool(self, version: str) -> list[Environment]:
        return self._environments.setdefault(version, [])

    async def retire(self) -> None:
        """Ends idle environments at once, the others when they have answered; returns when none is left."""
        self._closed = True
        while environments := list(self.environments()):
            for environment in environments:
                if environment not in self._charged and environment.state is not State.INIT:
                    await environment.close()
                    self._forget_everywhere(environment)
            if any(True for _ in self.environments()):
                await self._wait_for_change(RETIRING_SECONDS)

    def _forget_everywhere(self, environment: Environment) -> None:
        for version in list(self._environments):
            self._forget(version, environment)

    async def close(self) -> None:
        """Ends every environment."""
        self._closed = True
        self._patient = []
        if self._patience is not None:
            self._patience.cancel()
        for task in list(self._tasks):
            task.cancel()
        for environment in list(self.environments()):
            await environment.close()
