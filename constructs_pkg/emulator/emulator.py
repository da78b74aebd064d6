"""Everything put together: an assembly in, URLs and credentials out."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any, Self

from constructs_pkg.assembly import AssemblyError, CloudAssembly
from constructs_pkg.emulator.bedrock_api import BedrockApi
from constructs_pkg.emulator.concurrency import ACCOUNT_CONCURRENCY, AccountConcurrency
from constructs_pkg.emulator.deployment import Deployer, Settings, logger
from constructs_pkg.emulator.endpoints import endpoint_variables
from constructs_pkg.emulator.environment import INIT_SECONDS
from constructs_pkg.emulator.faults import Fault, Faults
from constructs_pkg.emulator.function_url import FunctionUrlFront
from constructs_pkg.emulator.functions import FunctionUrl, read_functions
from constructs_pkg.emulator.iam import Authorizer, Principals
from constructs_pkg.emulator.lambda_api import LambdaApi
from constructs_pkg.emulator.models import Model, ModelUnavailable
from constructs_pkg.emulator.models.choose import choose_model
from constructs_pkg.emulator.models.faulty import FaultyModel
from constructs_pkg.emulator.outputs import stack_outputs, with_addresses
from constructs_pkg.emulator.ports import Ports
from constructs_pkg.emulator.rest.template import read_rest_apis
from constructs_pkg.emulator.rest.tokens import UserPool
from constructs_pkg.emulator.rest_api import RestApiFront
from constructs_pkg.emulator.rows import function_rows, principal_rows, rest_rows
from constructs_pkg.emulator.service import FunctionService, Gate
from constructs_pkg.emulator.supervisor import Supervisor
from constructs_pkg.emulator.telemetry import SETTLE_SECONDS, Telemetry
from constructs_pkg.emulator.watch import signature, watch_assembly

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from constructs_pkg.emulator.limits import Bandwidth
    from constructs_pkg.emulator.rest.model import RestApi
    from constructs_pkg.emulator.telemetry import AlarmState, MetricStore

START_SECONDS = 180.0
"""How long the start may take: provisioned environments have 130 s for their init."""

STOP_SECONDS = 20.0


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
        memory_limit: bool = True,
        bandwidth: Bandwidth | None = None,
        watch: bool = False,
        faults: Sequence[str | Fault] = (),
        alarm_period: int | None = None,
        log: Callable[[str], None] | None = None,
    ) -> None:
        """
        Args:
            assembly: The `cdk.out` folder, or the assembly already read.
            model: Who answers in place of Bedrock's models: `smollm2`, `echo`, `echo:20` (tokens a second), the URL of a server that
                speaks OpenAI's API, a Model, or None for nobody. `auto` is smollm2 where a policy of the app speaks of Bedrock and
                the model is installed, else nobody.
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
            memory_limit: Whether an environment that holds more memory than its function has is killed, as on Lambda. Linux alone.
            bandwidth: How fast a response may be; `limits.AWS` is Lambda's own. Default: as fast as it can.
            watch: Whether the assembly is read again when it changes. Streams in flight go on to their end on what was there before.
            faults: What goes wrong on purpose, such as `kill:100@Chat/Function`; see `constructs_pkg.emulator.faults`.
            alarm_period: Longer periods of the template's alarms count as so many seconds, so that one need not wait for them; sums are
                then taken over less time, while shares, percentiles and extremes stay what they are. Default: the template's own.
            log: Takes log lines, without their ends. Default: they are dropped.

        Raises:
            AssemblyError: the assembly cannot be read.
            ValueError: `MODEL_UNKNOWN`, `FAULT_UNKNOWN`, `FAULT_VALUE`, `FAULT_FUNCTION`.
        """
        # Before it is read, so that no change is missed that comes while functions start.
        self._seen = signature(assembly.directory if isinstance(assembly, CloudAssembly) else assembly) if watch else frozenset()
        self.assembly = assembly if isinstance(assembly, CloudAssembly) else CloudAssembly.load(assembly, parameters=parameters)
        self.failed = asyncio.Event()
        self._deployed = self.assembly
        self._log = log if log is not None else _drop
        self._ports = Ports(port)
        self._parameters = dict(parameters or {})
        self._init_seconds = init_seconds
        self._given_endpoints = endpoint_variables(endpoints or {})
        self._mounts = mounts
        self._freeze = freeze
        self._memory_limit = memory_limit
        self._bandwidth = bandwidth
        self._watch = watch
        self._model, self._model_required = choose_model(model, self.assembly)
        self.faults = Faults(faults, functions=read_functions(self.assembly)[0])
        self.telemetry = Telemetry(self.assembly, log=log or _drop, longest_period=alarm_period)
        self._supervisor = Supervisor(on_lost=self._on_supervisor_lost)
        self._account_concurrency = account_concurrency
        self._account = AccountConcurrency(account_concurrency)
        self._deployer: Deployer | None = None
        self._fronts: list[FunctionUrlFront] = []
        self._rest_fronts: list[RestApiFront] = []
        self._services: dict[str, FunctionService] = {}
        self._retiring: set[asyncio.Task[None]] = set()
        self._watching: asyncio.Task[None] | None = None
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
        return dict(principal_rows(self._principals))

    @property
    def lambda_endpoint(self) -> str:
        """Endpoint of Lambda's API: `boto3.client("lambda", endpoint_url=...)`."""
        return self._lambda.address

    @property
    def bedrock_endpoint(self) -> str:
        """Endpoint of Bedrock's runtime."""
        return self._bedrock.address

    @property
    def metrics(self) -> MetricStore:
        """What has been measured until now; `metrics.statistic("Errors", FunctionName=...)`."""
        return self.telemetry.metrics

    @property
    def alarms(self) -> Mapping[str, AlarmState]:
        """The state of each of the template's alarms by what has been measured until now, by construct path."""
        return self.telemetry.alarms()

    def settle(self, seconds: float = SETTLE_SECONDS) -> None:
        """Waits until every call that has begun is wholly over and counted. For another thread than the emulator's.

        Args:
            seconds: How long at most.

        Raises:
            TimeoutError: something is still under way.
        """
        self.call(self.telemetry.settled(seconds), seconds + STOP_SECONDS)

    @property
    def outputs(self) -> dict[str, dict[str, str]]:
        """The stacks' outputs by stack name, as `cdk deploy --outputs-file` writes them; Function URLs and REST APIs are those of this run.

        Left out are those whose value only a deployment tells.
        """
        return stack_outputs(self._deployed, self._rest_fronts)

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
            "functions": function_rows(self._services.values(), self._fronts),
            "rest_apis": rest_rows(self._rest_fronts),
            "principals": self.principals,
        }

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
        mounted = await self._decide_mounts()
        await self._bind(self.assembly)
        emulated = {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": self._bedrock.address, "AWS_ENDPOINT_URL_LAMBDA": self._lambda.address}
        settings = Settings(
            mounted=mounted,
            freezes=self._freeze,
            limits_memory=self._memory_limit,
            init_seconds=self._init_seconds,
            bandwidth=self._bandwidth,
            endpoints={**emulated, **self._given_endpoints},
        )
        self._deployer = Deployer(self._supervisor, self._account, settings, self.faults, self.telemetry, self._log)
        model = asyncio.ensure_future(self._start_model())
        try:
            await self._deploy(self.assembly)
            await model
        finally:
            model.cancel()
        if self._watch:
            self._watching = asyncio.get_running_loop().create_task(
                watch_assembly(self.assembly.directory, self.reload, self._seen)
            )

    async def _deploy(self, assembly: CloudAssembly) -> list[str]:
        """Makes what an assembly holds answer behind the fronts, and lets go of what it held before. The names of what changed."""
        assert self._deployer is not None
        # The ports are known: what a template makes of a Function URL (another function's environment) gets the emulated one.
        assembly = assembly.with_overrides(
            {front.url.resource.attribute_key("FunctionUrl"): front.address for front in self._fronts}
        )
        self._deployed = assembly
        principals = Principals.from_assembly(assembly, keep=self._principals)
        gate = Gate(principals=principals, authorizer=Authorizer(assembly, principals), now=self.faults.now)
        for warning in gate.authorizer.warnings:
            self._log(f"warning: {warning}")
        functions = [with_addresses(function, self._rest_fronts) for function in read_functions(assembly)[0]]
        self.faults.functions = functions
        self.telemetry.use(assembly)
        self._account.limit = self._account_concurrency - sum(function.reserved or 0 for function in functions)
        before = self._services
        self._services, changed = await self._deployer.deploy(functions, principals)
        self._principals = principals
        self._lambda.services, self._lambda.gate = self._services, gate
        self._bedrock.gate = gate
        pools = self._pools(assembly)
        for rest in self._rest_fronts:
            rest.gate, rest.services, rest.pools = gate, self._services, pools
        for front in self._fronts:
            front.gate, front.service = gate, self._services.get(front.url.function_name)
            front.telemetry = self.telemetry
        for name, service in before.items():
            if self._services.get(name) is not service:
                self._keep(service.retire())
        return changed

    def _keep(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def reload(self) -> None:
        """Reads the assembly again. Where it cannot be read, what runs goes on. Streams in flight go on in any case."""
        try:
            assembly = await asyncio.to_thread(CloudAssembly.load, self.assembly.directory, parameters=self._parameters)
            if not assembly.of_type("AWS::Lambda::Function"):
                self._log("the assembly has changed and has no function; what ran before goes on")
                return
            await self._bind(assembly)
            changed = await self._deploy(assembly)
        except (AssemblyError, OSError) as error:
            self._log(f"the assembly has changed and cannot be used; what ran before goes on: {error}")
            return
        self.assembly = assembly
        self._log(f"the assembly has changed: {', '.join(changed) if changed else 'no function'} made anew")

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

    async def _bind(self, assembly: CloudAssembly) -> None:
        """A port for each front of an assembly; fronts that are there already keep theirs, and those that are gone are closed."""
        urls = read_functions(assembly)[1]
        found = {front.url.resource.attribute_key("FunctionUrl"): front for front in self._fronts}
        self._fronts = [await self._bind_url(url, found.pop(url.resource.attribute_key("FunctionUrl"), None)) for url in urls]
        if not self._lambda.port:
            await self._ports.give(self._lambda.bind)
            await self._ports.give(self._bedrock.bind)
        known = {front.api.path: front for front in self._rest_fronts}
        self._rest_fronts = [await self._bind_rest(api, known.pop(api.path, None)) for api in read_rest_apis(assembly)]
        for url_gone in found.values():
            self._keep(url_gone.retire())
        for rest_gone in known.values():
            self._keep(rest_gone.retire())

    async def _bind_url(self, url: FunctionUrl, front: FunctionUrlFront | None) -> FunctionUrlFront:
        if front is None:
            front = FunctionUrlFront(url, log=logger(self._log, url.function_name))
            await self._ports.give(front.bind)
        front.url = url
        return front

    async def _bind_rest(self, api: RestApi, front: RestApiFront | None) -> RestApiFront:
        if front is None:
            front = RestApiFront(api, log=logger(self._log, api.path))
            await self._ports.give(front.bind)
        front.change(api)
        return front

    def _pools(self, assembly: CloudAssembly) -> dict[str, UserPool]:
        """The user pools of an assembly, by ARN; each with a user who is signed in, and stays so."""
        known = self._rest_fronts[0].pools if self._rest_fronts else {}
        pools = {}
        for resource in assembly.of_type("AWS::Cognito::UserPool"):
            arn = str(resource.get_att("Arn"))
            clients = [c for c in assembly.of_type("AWS::Cognito::UserPoolClient") if c.property("UserPoolId") == resource.ref]
            scopes = {str(scope) for client in clients for scope in client.property("AllowedOAuthScopes", default=[])}
            names = tuple(str(client.ref) for client in clients)
            pools[arn] = known.get(arn) or UserPool(arn, clients=names, scopes=tuple(sorted(scopes)), now=time.time())
        return pools

    async def _start_model(self) -> None:
        model = self._model
        if model is None:
            return
        try:
            await model.start(self._supervisor, logger(self._log, model.name))
        except ModelUnavailable as unavailable:
            if self._model_required:
                raise
            self._log(f"warning: {unavailable}")
            self._bedrock.why_no_model = str(unavailable)
        else:
            self._bedrock.model = FaultyModel(model, self.faults)

    def _on_supervisor_lost(self) -> None:
        self._log("SUPERVISOR_LOST: the emulator's supervisor process has ended, and every function with it; start again")
        self.failed.set()

    async def stop(self) -> None:
        """Stops everything it started. Bounded."""
        if self._watching is not None:
            self._watching.cancel()
        for task in list(self._retiring):
            task.cancel()
        for front in self._fronts:
            await front.close()
        for rest in self._rest_fronts:
            await rest.close()
        await self._lambda.close()
        await self._bedrock.close()
        if self._deployer is not None:
            self._deployer.close()
        for service in self._services.values():
            if service.concurrency is not None:
                await service.concurrency.close()
        if self._model is not None:
            await self._model.close()
        await self._supervisor.stop()
        self.telemetry.catch_up()

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


def _drop(line: str) -> None:
    del line
