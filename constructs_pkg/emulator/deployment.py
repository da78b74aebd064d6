"""Makes the functions of an assembly runnable: laid out, planned, warmed. Those that have not changed stay as they are."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from constructs_pkg.emulator.adopt import NAMED_BY_CONTENT
from constructs_pkg.emulator.cache import cache_folder
from constructs_pkg.emulator.concurrency import FunctionConcurrency
from constructs_pkg.emulator.dependencies import resolve_dependencies
from constructs_pkg.emulator.endpoints import names_dynamodb
from constructs_pkg.emulator.environment import Environment, Plan
from constructs_pkg.emulator.folders import CodeUnusable, lay_out
from constructs_pkg.emulator.guard import GUARDS
from constructs_pkg.emulator.interpreters import find_interpreter
from constructs_pkg.emulator.runtimes import plan_launch
from constructs_pkg.emulator.service import FunctionService
from constructs_pkg.emulator.variables import Surroundings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from constructs_pkg.emulator.concurrency import AccountConcurrency
    from constructs_pkg.emulator.faults import Faults
    from constructs_pkg.emulator.functions import Function
    from constructs_pkg.emulator.guard import Guard
    from constructs_pkg.emulator.iam import Principals
    from constructs_pkg.emulator.limits import Bandwidth
    from constructs_pkg.emulator.supervisor import Supervisor
    from constructs_pkg.emulator.telemetry import Telemetry

_COVERING = ("/opt", "/tmp", "/var/task", "/var/runtime")  # noqa: S108  # nosec B108 - paths that Lambda's own take the place of

WARM_SECONDS = 20.0
"""How long a start, or a change, waits for provisioned environments. Lambda gives their init 130 s: so long nobody should wait here."""

STORE = "STREAM_STORE_TABLE"
"""The variable that names a StreamStore's table to the runtime."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What holds for all functions.

    Attributes:
        mounted: Whether Lambda's paths are real for them.
        freezes: Whether idle environments are stopped.
        init_seconds: Longest init phase of an on-demand environment.
        bandwidth: How fast a stream may be; None for as fast as it can.
        endpoints: Environment variables that name endpoints of AWS services.
        limits_memory: Whether a function that holds more memory than it has is killed.
    """

    mounted: bool
    freezes: bool
    init_seconds: float
    bandwidth: Bandwidth | None
    endpoints: Mapping[str, str]
    limits_memory: bool = True


class Deployer:
    """Turns functions into services."""

    def __init__(
        self,
        supervisor: Supervisor,
        account: AccountConcurrency,
        settings: Settings,
        faults: Faults,
        telemetry: Telemetry,
        log: Callable[[str], None],
    ) -> None:
        """
        Args:
            supervisor: Who starts processes and keeps folders.
            account: The account's concurrency.
            settings: What holds for all functions.
            faults: What goes wrong on purpose.
            telemetry: Who is told what happens.
            log: Takes log lines.
        """
        self._faults = faults
        self._telemetry = telemetry
        self._supervisor = supervisor
        self._account = account
        self._settings = settings
        self._log = log
        self._made = 0
        self._states: dict[str, tuple[Function, object, FunctionService]] = {}
        self._late: set[asyncio.Future[None]] = set()
        self._guards: set[Guard] = set()

    async def deploy(self, functions: Iterable[Function], principals: Principals) -> tuple[dict[str, FunctionService], list[str]]:
        """The services of these functions, warm, and the names of those that are new or not what they were.

        Args:
            functions: The functions of the assembly.
            principals: Whose credentials their roles have.
        """
        listed = list(functions)
        digests = await asyncio.to_thread(lambda: [_digest(function) for function in listed])
        services: dict[str, FunctionService] = {}
        changed: list[str] = []
        making: list[asyncio.Future[FunctionService]] = []
        for function, digest in zip(listed, digests, strict=True):
            known = self._states.get(function.name)
            if known is not None and known[:2] == (function, digest):
                services[function.name] = known[2]
            else:
                changed.append(function.name)
                making.append(asyncio.ensure_future(self._prepare(function, principals)))
        try:
            made = await asyncio.gather(*making)
        finally:
            for task in making:
                task.cancel()
        await self._warm(made)
        services |= {service.function.name: service for service in made}
        self._states = {
            function.name: (function, digest, services[function.name]) for function, digest in zip(listed, digests, strict=True)
        }
        return services, changed

    async def _warm(self, services: Iterable[FunctionService]) -> None:
        """Starts provisioned environments, and waits for them. One that takes too long does not keep the others waiting."""
        warming = {asyncio.ensure_future(_provision(service)): service for service in services}
        if not warming:
            return
        try:
            done, late = await asyncio.wait(warming, timeout=WARM_SECONDS)
        except asyncio.CancelledError:
            for task in warming:
                task.cancel()
            raise
        for task in late:
            name = warming[task].function.name
            logger(self._log, name)(
                f"not warm after {WARM_SECONDS:.0f} s: its init goes on, and calls start environments of their own"
            )
            self._late.add(task)
            task.add_done_callback(self._late.discard)
        for task in done:
            task.result()

    def close(self) -> None:
        """Waits no longer for what is not warm yet, nor for what is being fetched."""
        for guard in list(self._guards):
            guard.end()
        for task in list(self._late):
            task.cancel()

    async def _prepare(self, function: Function, principals: Principals) -> FunctionService:
        """Lays a function out and gets its environments ready to be started."""
        log = logger(self._log, function.name)
        telemetry = self._telemetry.function(function, log)
        if function.broken is not None:
            return _broken(function, function.broken, log)
        function = self._with_what_is_here(function, log)
        self._made += 1
        folder = self._supervisor.folder / f"function-{self._made}"
        surroundings = self._surroundings(function, principals, log)
        GUARDS.set(self._guards)
        try:
            plan = await asyncio.to_thread(self._plan, function, folder, surroundings, log)
        except CodeUnusable as unusable:
            return _broken(function, str(unusable), log)

        def make(version: str, provisioned: bool, on_change: Callable[[Environment], None]) -> Environment:
            return Environment(
                plan, self._supervisor, version=version, provisioned=provisioned, telemetry=telemetry, on_change=on_change
            )

        concurrency = FunctionConcurrency(reserved=function.reserved, account=self._account, make=make, log=log)
        return FunctionService(
            function,
            concurrency,
            broken=None,
            faults=self._faults,
            telemetry=telemetry,
            retired=lambda: self._supervisor.remove(folder),
        )

    def _plan(self, function: Function, folder: Path, surroundings: Surroundings, log: Callable[[str], None]) -> Plan:
        """What an environment of this function consists of.

        Raises:
            CodeUnusable: its code cannot be laid out, or not be run here.
        """
        folder.mkdir()
        settings = self._settings

        def resolve(code: Path) -> Path | None:
            return resolve_dependencies(code, find_interpreter(function.version), log) if function.version else None

        folders = lay_out(function, folder, in_place=settings.mounted, resolve=resolve)
        if not function.behind_web_adapter and (extensions := _extensions(folders.opt)):
            log(f"its layers have extensions, which are not run here: {', '.join(extensions)}")
        launch = plan_launch(function, folders, folder, log)
        covered = _covered(launch.hidden) if settings.mounted else None
        if covered is not None:
            log(f"its paths are not real ones: {covered}, which it needs, lies under one of them")
            again = folder / "copied"
            again.mkdir()
            folders = lay_out(function, again, in_place=False, resolve=resolve)
        return Plan(
            function=function,
            launch=launch,
            mounted=settings.mounted and covered is None,
            freezes=settings.freezes,
            bandwidth=settings.bandwidth,
            init_delay=lambda: self._faults.cold_start_seconds(function),
            task=folders.task,
            opt=folders.opt,
            pycache=cache_folder() / "pycache",
            surroundings=surroundings,
            init_seconds=settings.init_seconds,
            limits_memory=settings.limits_memory,
        )

    def _with_what_is_here(self, function: Function, log: Callable[[str], None]) -> Function:
        """Without a stream store where there is no DynamoDB: AWS's own would refuse the credentials that functions have here, and each
        stream would wait to be told so.
        """
        if STORE not in function.environment or names_dynamodb({**self._settings.endpoints, **function.environment}):
            return function
        log("there is no DynamoDB here, so streams can be neither cancelled nor resumed; name one by --endpoint-url dynamodb=URL")
        return replace(function, environment={name: value for name, value in function.environment.items() if name != STORE})

    def _surroundings(self, function: Function, principals: Principals, log: Callable[[str], None]) -> Surroundings:
        role = principals.by_arn(function.role_arn)
        credentials: dict[str, str] = {}
        if role is None:
            log(f"its role {function.role_arn} is not of this app, so the function has no AWS credentials here")
        else:
            credentials = {
                "AWS_ACCESS_KEY_ID": role.credentials.access_key_id,
                "AWS_SECRET_ACCESS_KEY": role.credentials.secret_access_key,
                "AWS_SESSION_TOKEN": role.credentials.session_token or "",
            }
        return Surroundings(credentials=credentials, endpoints=self._settings.endpoints)


def logger(log: Callable[[str], None], name: str) -> Callable[[str], None]:
    """Puts a name before each line."""
    return lambda line: log(f"[{name}] {line}")


def _broken(function: Function, reason: str, log: Callable[[str], None]) -> FunctionService:
    log(f"broken: {reason}")
    return FunctionService(function, None, broken=reason)


async def _provision(service: FunctionService) -> None:
    concurrency = service.concurrency
    if concurrency is None:
        return
    versions: dict[str, int] = {}
    for alias in service.function.aliases:
        if alias.provisioned:
            versions[alias.version] = versions.get(alias.version, 0) + alias.provisioned
    await asyncio.gather(*(concurrency.provision(version, count) for version, count in versions.items()))


def _extensions(opt: Path) -> list[str]:
    """External extensions: https://docs.aws.amazon.com/lambda/latest/dg/lambda-extensions.html."""
    folder = opt / "extensions"
    return sorted(path.name for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def _covered(needed: Sequence[Path]) -> Path | None:
    """The first path that would be out of sight with Lambda's own mounted over it."""
    return next((path for path in needed if any(path.is_relative_to(place) for place in _COVERING)), None)


def _digest(function: Function) -> object:
    """What changes when somebody writes into an asset. CDK names assets by their content; what is named otherwise is read."""
    return tuple(_content(path) for path in (function.code, *function.layers) if path is not None)


def _content(path: Path) -> str:
    if NAMED_BY_CONTENT.match(path.name):
        return path.name
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if "__pycache__" in file.parts:
            continue
        digest.update(f"{file}\0".encode())
        if file.is_file():
            with file.open("rb") as opened:
                digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()
