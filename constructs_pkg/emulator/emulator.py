"""Everything put together: an assembly in, URLs and credentials out."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import TYPE_CHECKING, Any, Self

from constructs_pkg.assembly import CloudAssembly
from constructs_pkg.emulator.bedrock_api import BedrockApi
from constructs_pkg.emulator.cache import cache_folder
from constructs_pkg.emulator.concurrency import ACCOUNT_CONCURRENCY, AccountConcurrency, FunctionConcurrency
from constructs_pkg.emulator.dependencies import resolve_dependencies
from constructs_pkg.emulator.endpoints import endpoint_variables
from constructs_pkg.emulator.environment import INIT_SECONDS, Environment, Plan
from constructs_pkg.emulator.folders import CodeUnusable, lay_out
from constructs_pkg.emulator.function_url import FunctionUrlFront
from constructs_pkg.emulator.functions import Function, read_functions
from constructs_pkg.emulator.iam import Authorizer, Principals
from constructs_pkg.emulator.interpreters import find_interpreter
from constructs_pkg.emulator.lambda_api import LambdaApi
from constructs_pkg.emulator.models import EchoModel, Model, ModelUnavailable
from constructs_pkg.emulator.models.smollm2 import SmolLM2
from constructs_pkg.emulator.ports import Ports
from constructs_pkg.emulator.rest.template import read_rest_apis
from constructs_pkg.emulator.rest.tokens import UserPool
from constructs_pkg.emulator.rest_api import RestApiFront
from constructs_pkg.emulator.runtimes import plan_launch
from constructs_pkg.emulator.service import FunctionService, Gate
from constructs_pkg.emulator.supervisor import Supervisor
from constructs_pkg.emulator.variables import Surroundings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

START_SECONDS = 180.0
"""How long the start may take: provisioned environments have 130 s for their init."""

STOP_SECONDS = 20.0

_COVERING = ("/opt", "/tmp", "/var/task", "/var/runtime")  # noqa: S108  # nosec B108 - paths that Lambda's own take the place of


class NothingToRun(Exception):
    """The assembly has no function. The text is one line."""


class MountsUnavailable(Exception):
    """Mounts were asked for, and the machine does not let them be made. The text is one line."""


class Emulator:
    """Runs the streaming functions of a synthesized app on this machine.

    In tests:

        with Emulator(Path("cdk.out"), model="echo") as emulator:
            emulator.urls["ChatStack/Chat/Function"]        # http://127.0.0.1:43211/
            emulator.principals["admin"]                    # arn, access_key_id, secret_access_key, session_token

    or, inside a running loop, `async with`.
    """

    def __init__(
        self,
        assembly: Path | CloudAssembly,
        *,
        model: str | Model | None = "auto",
        port: int = 0,
        parameters: Mapping[str, str] | None = None,
        account_concurrency: int = ACCOUNT_CONCURRENCY,
        init_seconds: float = INIT_SECONDS,
        endpoints: Mapping[str, str] | None = None,
        mounts: bool | None = None,
        freeze: bool = True,
        disposable: Sequence[Path] = (),
        log: Callable[[str], None] | None = None,
    ) -> None:
        """
        Args:
            assembly: The `cdk.out` folder, or the assembly already read.
            model: Who answers in place of Bedrock's models: `smollm2`, `echo`, `echo:20` (tokens a second), a Model, or None for
                nobody. `auto` is smollm2 where a policy of the app speaks of Bedrock and the model is installed, else nobody.
            port: Port of the first Function URL; the others, then the Lambda endpoint, then the Bedrock endpoint, count up from
                it, and REST APIs after these. 0: free ones.
            parameters: Values of template parameters, see CloudAssembly.load.
            account_concurrency: Concurrent executions of the whole account; what functions have reserved is taken from it.
            init_seconds: Longest init phase of an on-demand environment.
            endpoints: URLs by AWS service, such as `{"dynamodb": "http://127.0.0.1:8000"}`, at which functions find what is not emulated
                here; the key "" stands for every service that has none of its own. Default: AWS's own.
            mounts: Whether /var/task, /opt, /var/runtime and /tmp are real for functions, the first three read-only, the last of the
                function's own size. None: where this machine lets it (Linux user namespaces). Without, the variables and search
                paths name private folders instead, and code that writes those paths out does not find them. A /tmp that is real
                hides this machine's, so a test cannot share files with a handler there.
            freeze: Whether environments are stopped while they are idle, as on Lambda.
            disposable: Folders to be removed at the end, however it comes: an assembly made for this run alone.
            log: Takes log lines, without their ends. Default: they are dropped.

        Raises:
            AssemblyError: the assembly cannot be read.
            ValueError: `MODEL_UNKNOWN`.
        """
        self.assembly = assembly if isinstance(assembly, CloudAssembly) else CloudAssembly.load(assembly, parameters=parameters)
        self.failed = asyncio.Event()
        self._log = log if log is not None else _drop
        self._first_port = port
        self._init_seconds = init_seconds
        self._endpoints = endpoint_variables(endpoints or {})
        self._mounts = mounts
        self._mounted = False
        self._freeze = freeze
        self._disposable = tuple(disposable)
        self._model, self._model_required = _choose_model(model, self.assembly)
        self._supervisor = Supervisor(on_lost=self._on_supervisor_lost)
        self._account_concurrency = account_concurrency
        self._account = AccountConcurrency(account_concurrency)
        self._fronts: list[FunctionUrlFront] = []
        self._rest_fronts: list[RestApiFront] = []
        self._services: dict[str, FunctionService] = {}
        self._lambda = LambdaApi(log=self._log)
        self._bedrock = BedrockApi(None, why_no_model="No model answers here; start the emulator with --model", log=self._log)
        self._principals: Principals | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    # What it offers.

    @property
    def region(self) -> str:
        """The region of the app's first stack."""
        return self.assembly.stacks[0].region

    @property
    def urls(self) -> dict[str, str]:
        """Each Function URL by the construct path of its function, with its slash at the end."""
        paths = {name: service.function.path for name, service in self._services.items()}
        return {paths[front.url.function_name]: front.address for front in self._fronts if front.url.function_name in paths}

    @property
    def principals(self) -> dict[str, dict[str, str | None]]:
        """Credentials by name: `admin`, `stranger`, `outsider`, and each role and user by its construct path."""
        assert self._principals is not None
        return {
            name: {
                "arn": principal.arn,
                "access_key_id": principal.credentials.access_key_id,
                "secret_access_key": principal.credentials.secret_access_key,
                "session_token": principal.credentials.session_token,
            }
            for name, principal in self._principals.named.items()
        }

    @property
    def lambda_endpoint(self) -> str:
        """Endpoint of Lambda's API: `boto3.client("lambda", endpoint_url=...)`."""
        return self._lambda.address

    @property
    def bedrock_endpoint(self) -> str:
        """Endpoint of Bedrock's runtime."""
        return self._bedrock.address

    @property
    def services(self) -> Mapping[str, FunctionService]:
        """The functions by name."""
        return self._services

    def json(self) -> dict[str, Any]:
        """What `streaming-lambda local --json` prints."""
        stack = self.assembly.stacks[0]
        return {
            "region": stack.region,
            "account": stack.account,
            "lambda_endpoint": self.lambda_endpoint,
            "bedrock_endpoint": self.bedrock_endpoint,
            "functions": self._rows(),
            "rest_apis": self._rest_rows(),
            "principals": self.principals,
        }

    def _rows(self) -> list[dict[str, Any]]:
        """One row per function and qualifier; those with a URL first."""
        rows: list[dict[str, Any]] = []
        fronts = {(front.url.function_name, front.url.qualifier): front for front in self._fronts}
        for service in self._services.values():
            function = service.function
            qualifiers: list[str | None] = [alias.name for alias in function.aliases]
            if not qualifiers or (function.name, None) in fronts:
                qualifiers.append(None)
            for qualifier in qualifiers:
                front = fronts.get((function.name, qualifier))
                rows.append(
                    {
                        "stack": function.stack,
                        "path": function.path,
                        "logical_id": function.logical_id,
                        "function_name": function.name,
                        "alias": qualifier,
                        "auth_type": front.url.auth_type if front else None,
                        "invoke_mode": front.url.invoke_mode if front else None,
                        "url": front.address if front else None,
                        "broken": service.broken,
                    }
                )
        return sorted(rows, key=lambda row: row["url"] is None)

    def _rest_rows(self) -> list[dict[str, Any]]:
        """One row per REST API and stage. `tokens` stands for a signed-in user of each user pool that an authorizer of it asks."""
        rows: list[dict[str, Any]] = []
        for front in self._rest_fronts:
            asked = {arn for method in front.api.methods if method.authorizer for arn in method.authorizer.pools}
            tokens = [
                {"user_pool": pool.arn, "id_token": pool.id_token, "access_token": pool.access_token}
                for arn, pool in front.pools.items()
                if arn in asked
            ]
            for stage in front.api.stages:
                row = {"stack": front.api.stack, "path": front.api.path, "url": front.address(stage.name)}
                rows.append({**row, **({"tokens": tokens} if tokens else {})})
        return rows

    # Its life.

    async def start(self) -> None:
        """Starts everything; returns when the URLs answer and the provisioned environments are warm.

        Raises:
            NothingToRun: no function at all.
            PortInUse: a port that was asked for is taken.
            ModelUnavailable: the model that was asked for cannot be started.
        """
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        if not self.assembly.of_type("AWS::Lambda::Function"):
            raise NothingToRun(
                f"NOTHING_TO_RUN: no Lambda function is in {self.assembly.directory}; synthesize an app that has one"
            )
        await self._supervisor.start()
        for folder in self._disposable:
            self._supervisor.own(folder)
        self._mounted = await self._decide_mounts()
        await self._bind()
        # The ports are known now: what a template makes of a Function URL (another function's environment) gets the emulated one.
        addresses = {front.url.resource.attribute_key("FunctionUrl"): front.address for front in self._fronts}
        assembly = self.assembly.with_overrides(addresses)
        self._principals = Principals.from_assembly(assembly)
        gate = Gate(principals=self._principals, authorizer=Authorizer(assembly, self._principals))
        for warning in gate.authorizer.warnings:
            self._log(f"warning: {warning}")
        functions, _ = read_functions(assembly)
        self._account.limit = self._account_concurrency - sum(function.reserved or 0 for function in functions)
        preparing = [asyncio.ensure_future(self._prepare(function, number)) for number, function in enumerate(functions)]
        model = asyncio.ensure_future(self._start_model())
        try:
            services = await asyncio.gather(*preparing)
            self._services = {service.function.name: service for service in services}
            await model
        finally:
            for task in (model, *preparing):
                task.cancel()
        self._lambda.services, self._lambda.gate, self._lambda.region = self._services, gate, self.region
        self._bedrock.gate, self._bedrock.region = gate, self.region
        await asyncio.gather(*(self._provision(service) for service in self._services.values()))
        pools = _user_pools(assembly)
        for rest in self._rest_fronts:
            rest.gate, rest.services, rest.pools = gate, self._services, pools
        for front in self._fronts:
            front.gate, front.service = gate, self._services.get(front.url.function_name)

    async def _decide_mounts(self) -> bool:
        if self._mounts is False:
            return False
        why_not = await self._supervisor.can_mount()
        if why_not is None:
            return True
        if self._mounts:
            raise MountsUnavailable(
                f"MOUNTS_UNAVAILABLE: this machine does not let an ordinary process mount ({why_not}); use --mounts auto"
            )
        self._log(f"/var/task, /opt and /tmp are folders that variables point to, not real paths: no mounts here ({why_not})")
        return False

    async def _bind(self) -> None:
        ports = Ports(self._first_port)
        for url in read_functions(self.assembly)[1]:
            front = FunctionUrlFront(url, log=self._logger(url.function_name))
            self._fronts.append(front)
            await ports.give(front.bind)
        await ports.give(self._lambda.bind)
        await ports.give(self._bedrock.bind)
        for api in read_rest_apis(self.assembly):
            rest = RestApiFront(api, log=self._logger(api.path))
            self._rest_fronts.append(rest)
            await ports.give(rest.bind)

    async def _start_model(self) -> None:
        model = self._model
        if model is None:
            return
        try:
            await model.start(self._supervisor, self._logger(model.name))
        except ModelUnavailable as unavailable:
            if self._model_required:
                raise
            self._log(f"warning: {unavailable}")
            self._bedrock.why_no_model = str(unavailable)
        else:
            self._bedrock.model = model

    async def _prepare(self, function: Function, number: int) -> FunctionService:
        """Lays a function out and gets its environments ready to be started."""
        log = self._logger(function.name)
        if function.broken is not None:
            return self._broken(function, function.broken)
        try:
            plan = await asyncio.to_thread(self._plan, function, self._supervisor.folder / f"function-{number}", log)
        except CodeUnusable as unusable:
            return self._broken(function, str(unusable))

        def make(version: str, provisioned: bool, on_change: Callable[[Environment], None]) -> Environment:
            return Environment(plan, self._supervisor, version=version, provisioned=provisioned, log=log, on_change=on_change)

        concurrency = FunctionConcurrency(reserved=function.reserved, account=self._account, make=make, log=log)
        return FunctionService(function, concurrency, broken=None)

    def _plan(self, function: Function, folder: Path, log: Callable[[str], None]) -> Plan:
        """What an environment of this function consists of.

        Raises:
            CodeUnusable: its code cannot be laid out, or not be run here.
        """
        folder.mkdir()

        def resolve(code: Path) -> Path | None:
            return resolve_dependencies(code, find_interpreter(function.version), log) if function.version else None

        folders = lay_out(function, folder, in_place=self._mounted, resolve=resolve)
        launch = plan_launch(function, folders, folder, log)
        covered = _covered(launch.hidden) if self._mounted else None
        if covered is not None:
            log(f"its paths are not real ones: {covered}, which it needs, lies under one of them")
            again = folder / "copied"
            again.mkdir()
            folders = lay_out(function, again, in_place=False, resolve=resolve)
        return Plan(
            function=function,
            launch=launch,
            mounted=self._mounted and covered is None,
            freezes=self._freeze,
            task=folders.task,
            opt=folders.opt,
            pycache=cache_folder() / "pycache",
            surroundings=self._surroundings(function),
            init_seconds=self._init_seconds,
        )

    def _surroundings(self, function: Function) -> Surroundings:
        assert self._principals is not None
        role = self._principals.by_arn(function.role_arn)
        credentials: dict[str, str] = {}
        if role is None:
            self._log(
                f"[{function.name}] its role {function.role_arn} is not of this app, so the function has no AWS credentials here"
            )
        else:
            credentials = {
                "AWS_ACCESS_KEY_ID": role.credentials.access_key_id,
                "AWS_SECRET_ACCESS_KEY": role.credentials.secret_access_key,
                "AWS_SESSION_TOKEN": role.credentials.session_token or "",
            }
        emulated = {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": self._bedrock.address, "AWS_ENDPOINT_URL_LAMBDA": self._lambda.address}
        return Surroundings(credentials=credentials, endpoints={**emulated, **self._endpoints})

    def _broken(self, function: Function, reason: str) -> FunctionService:
        self._log(f"[{function.name}] broken: {reason}")
        return FunctionService(function, None, broken=reason)

    async def _provision(self, service: FunctionService) -> None:
        concurrency = service.concurrency
        if concurrency is None:
            return
        versions: dict[str, int] = {}
        for alias in service.function.aliases:
            if alias.provisioned:
                versions[alias.version] = versions.get(alias.version, 0) + alias.provisioned
        await asyncio.gather(*(concurrency.provision(version, count) for version, count in versions.items()))

    def _logger(self, name: str) -> Callable[[str], None]:
        return lambda line: self._log(f"[{name}] {line}")

    def _on_supervisor_lost(self) -> None:
        self._log("SUPERVISOR_LOST: the emulator's supervisor process has ended, and every function with it; start again")
        self.failed.set()

    async def stop(self) -> None:
        """Stops everything it started. Bounded."""
        for front in self._fronts:
            await front.close()
        for rest in self._rest_fronts:
            await rest.close()
        await self._lambda.close()
        await self._bedrock.close()
        for service in self._services.values():
            if service.concurrency is not None:
                await service.concurrency.close()
        if self._model is not None:
            await self._model.close()
        await self._supervisor.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    def __enter__(self) -> Self:
        """Starts it on a loop of its own, in a thread."""
        self._loop = loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=loop.run_forever, name="emulator", daemon=True)
        self._thread.start()
        try:
            self.call(self.start(), START_SECONDS + STOP_SECONDS)
        except BaseException:
            self._end_thread()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        try:
            self.call(self.stop(), STOP_SECONDS)
        finally:
            self._end_thread()

    def call(self, coroutine: Any, timeout: float = STOP_SECONDS) -> Any:
        """Runs a coroutine on the emulator's loop, from another thread."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout)

    def _end_thread(self) -> None:
        loop, thread = self._loop, self._thread
        assert loop is not None
        assert thread is not None
        loop.call_soon_threadsafe(loop.stop)
        thread.join(STOP_SECONDS)
        if not thread.is_alive():
            loop.close()
        self._loop = self._thread = None


def _covered(needed: Sequence[Path]) -> Path | None:
    """The first path that would be out of sight with Lambda's own mounted over it."""
    return next((path for path in needed if any(path.is_relative_to(place) for place in _COVERING)), None)


def _drop(line: str) -> None:
    del line


def _user_pools(assembly: CloudAssembly) -> dict[str, UserPool]:
    """The user pools of an assembly, by ARN; each with a user who is signed in."""
    pools = {}
    for resource in assembly.of_type("AWS::Cognito::UserPool"):
        clients = [c for c in assembly.of_type("AWS::Cognito::UserPoolClient") if c.property("UserPoolId") == resource.ref]
        scopes = {str(scope) for client in clients for scope in client.property("AllowedOAuthScopes", default=[])}
        arn = str(resource.get_att("Arn"))
        pools[arn] = UserPool(
            arn, clients=tuple(str(client.ref) for client in clients), scopes=tuple(sorted(scopes)), now=time.time()
        )
    return pools


def _choose_model(model: str | Model | None, assembly: CloudAssembly) -> tuple[Model | None, bool]:
    """The model, and whether the emulator must not start without it.

    Raises:
        ValueError: `MODEL_UNKNOWN`.
    """
    if model is None or not isinstance(model, str):
        return model, True
    name, _, pace = model.partition(":")
    if model == "auto":
        wanted = any("bedrock:" in json.dumps(stack.template) for stack in assembly.stacks)
        return (SmolLM2() if wanted else None), False
    if model == "smollm2":
        return SmolLM2(), True
    if name == "echo":
        try:
            return EchoModel(float(pace or 0)), True
        except ValueError as error:
            raise ValueError(
                f"MODEL_UNKNOWN: the pace in {model!r} is no number; write echo:20 for 20 tokens a second"
            ) from error
    raise ValueError(f"MODEL_UNKNOWN: {model!r}; smollm2, echo and echo:20 (tokens a second) are allowed")
