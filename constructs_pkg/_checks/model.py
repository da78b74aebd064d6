"""The streaming parts of an app, as the checks look at them: functions, aliases, what reaches them and what stands in front."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from constructs_pkg.assembly import AssemblyError, UnresolvedIntrinsic

from .reference import FunctionReference, integration_function, reference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from constructs_pkg.assembly import CloudAssembly, Resource

_UNKNOWN: Final = object()
DEFAULT_TIMEOUT_SECONDS: Final = 3
"""Of a function that sets none (https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html)."""
DEFAULT_INTEGRATION_MS: Final = 29_000
"""Of an integration that sets none (https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html)."""
DEFAULT_READ_TIMEOUT_SECONDS: Final = 30
"""Of an origin that sets none (https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_CustomOriginConfig.html)."""


@dataclass(frozen=True)
class Function:
    """A function of the app."""

    resource: Resource
    arn: str


@dataclass(frozen=True)
class Alias:
    """An alias of a function, and what keeps it warm.

    Attributes:
        resource: The alias.
        function: Whose it is.
        fixed: Its static provisioned concurrency; None without.
        scaled: The scalable targets on it.
    """

    resource: Resource
    function: FunctionReference
    fixed: float | None
    scaled: tuple[Resource, ...]

    @property
    def is_warm(self) -> bool:
        """Whether any environment of it is kept warm."""
        return bool(self.fixed) or bool(self.scaled)


@dataclass(frozen=True)
class Endpoint:
    """Where callers come in.

    Attributes:
        resource: A Function URL or a method of a REST API.
        called: The function and qualifier that it calls.
        is_url: Whether it is a Function URL.
        streams: Whether it is set to stream.
    """

    resource: Resource
    called: FunctionReference
    is_url: bool
    streams: bool


@dataclass(frozen=True)
class Origin:
    """An origin of a distribution that leads to endpoints of the app."""

    resource: Resource
    index: int
    settings: Mapping[str, Any]
    behind: tuple[Endpoint, ...]

    @property
    def location(self) -> str:
        """Where it stands in the distribution."""
        return f"DistributionConfig.Origins.{self.index}"

    @property
    def read_timeout_seconds(self) -> float:
        """Longest silence that CloudFront accepts."""
        custom = self.settings.get("CustomOriginConfig")
        seconds = _number(custom.get("OriginReadTimeout")) if isinstance(custom, dict) else None
        return DEFAULT_READ_TIMEOUT_SECONDS if seconds is None else seconds

    @property
    def completion_timeout_seconds(self) -> float | None:
        """Longest response that CloudFront accepts; None without a limit."""
        return _number(self.settings.get("ResponseCompletionTimeout"))


class StreamingApp:
    """An assembly, read for its streaming parts.

    A value that only deployment would tell is left out of account, and noted in `unread`.

    Attributes:
        assembly: What was read.
        unread: What could not be known, one line each.
    """

    def __init__(self, assembly: CloudAssembly) -> None:
        self.assembly = assembly
        self.unread: dict[str, None] = {}

    # Reading

    def value(self, resource: Resource, *path: str, default: Any = None) -> Any:
        """A property; `default` where there is none, None where it cannot be known."""
        found = self._value(resource, *path, default=default)
        return None if found is _UNKNOWN else found

    def number(self, resource: Resource, *path: str, default: float | None = None) -> float | None:
        """A property that is a number; None where there is none or it cannot be known."""
        return _number(self.value(resource, *path, default=default))

    def flag(self, resource: Resource, *path: str) -> bool:
        """A property that is true or false; false where it cannot be known."""
        return is_true(self.value(resource, *path))

    def items(self, resource: Resource, *path: str) -> list[tuple[int, Any]]:
        """The members of a list with their index, each resolved on its own: one that is unknown hides none of the others."""
        raw: Any = resource.raw
        for name in path:
            raw = raw.get(name, []) if hasattr(raw, "get") else []
        if not isinstance(raw, list):
            whole = self.value(resource, *path, default=[])
            return list(enumerate(whole)) if isinstance(whole, list) else []
        return [(index, found) for index, item in enumerate(raw) if (found := self.resolved(resource, item)) is not None]

    def mappings(self, resource: Resource, *path: str) -> list[tuple[int, dict[str, Any]]]:
        """The members of a list that are objects, with their index."""
        return [(index, item) for index, item in self.items(resource, *path) if isinstance(item, dict)]

    def texts(self, resource: Resource, *path: str) -> list[str]:
        """The members of a list as text; a single text counts as a list of one."""
        found = self.value(resource, *path)
        if found is None:
            return []
        return [str(item) for item in found] if isinstance(found, list) else [str(found)]

    def variable(self, function: Function, name: str) -> str | None:
        """An environment variable; None where it is not set or not known."""
        found = self.value(function.resource, "Environment", "Variables", name)
        return None if found is None else str(found)

    def asset(self, function: Function) -> Path | None:
        """The folder or .zip of a function's code; None where that is no asset."""
        try:
            return function.resource.asset_path("Code")
        except AssemblyError as error:
            self.unread[str(error)] = None
            return None

    def _value(self, resource: Resource, *path: str, default: Any = None) -> Any:
        try:
            return resource.property(*path, default=default)
        except UnresolvedIntrinsic as error:
            self.unread[str(error)] = None
            return _UNKNOWN

    def resolved(self, resource: Resource, value: Any) -> Any:
        """A value of a resource with its intrinsics evaluated; None where it cannot be known."""
        try:
            return resource.stack.resolve(value)
        except UnresolvedIntrinsic as error:
            self.unread[f"{resource.path}: {error}"] = None
            return None

    def ref(self, resource: Resource) -> str | None:
        """What `Ref` gives; None where it cannot be known."""
        found = self.resolved(resource, {"Ref": resource.logical_id})
        return None if found is None else str(found)

    def attribute(self, resource: Resource, name: str) -> str | None:
        """What `Fn::GetAtt` gives; None where it cannot be known."""
        found = self.resolved(resource, {"Fn::GetAtt": [resource.logical_id, name]})
        return None if found is None else str(found)

    def reference(self, resource: Resource, *path: str) -> FunctionReference | None:
        """The function that a property names."""
        return reference(self.value(resource, *path), resource.stack)

    # What there is

    @cached_property
    def functions(self) -> Mapping[str, Function]:
        """By ARN."""
        found = ((resource, self.attribute(resource, "Arn")) for resource in self.assembly.of_type("AWS::Lambda::Function"))
        return {arn: Function(resource, arn) for resource, arn in found if arn is not None}

    def function(self, called: FunctionReference) -> Function | None:
        """The function that a reference names; None where it is not of this app."""
        return self.functions.get(called.arn)

    @cached_property
    def aliases(self) -> tuple[Alias, ...]:
        """All of them."""
        scaled = self._scaled_aliases()
        found = []
        for resource in self.assembly.of_type("AWS::Lambda::Alias"):
            function = self.reference(resource, "FunctionName")
            name = self.value(resource, "Name")
            if function is None or name is None:
                continue
            called = FunctionReference(function.arn, str(name))
            fixed = self.number(resource, "ProvisionedConcurrencyConfig", "ProvisionedConcurrentExecutions")
            found.append(Alias(resource, called, fixed, tuple(scaled.get(called, ()))))
        return tuple(found)

    def aliases_of(self, function: Function) -> tuple[Alias, ...]:
        """Those of one function."""
        return tuple(alias for alias in self.aliases if alias.function.arn == function.arn)

    @cached_property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Function URLs, then methods of REST APIs that call functions."""
        return (*self._urls(), *self._methods())

    @cached_property
    def streaming(self) -> tuple[tuple[Function, Endpoint], ...]:
        """The functions of this app that an endpoint streams from, with that endpoint."""
        pairs = ((self.function(endpoint.called), endpoint) for endpoint in self.endpoints if endpoint.streams)
        return tuple((function, endpoint) for function, endpoint in pairs if function is not None)

    @cached_property
    def streaming_functions(self) -> tuple[Function, ...]:
        """Each once."""
        return tuple({function.arn: function for function, _ in self.streaming}.values())

    @cached_property
    def origins(self) -> tuple[Origin, ...]:
        """The origins of all distributions behind which streaming endpoints of this app stand."""
        addresses = self._addresses()
        found = []
        for resource in self.assembly.of_type("AWS::CloudFront::Distribution"):
            for index, settings in self.mappings(resource, "DistributionConfig", "Origins"):
                behind = tuple(endpoint for endpoint in addresses.get(str(settings.get("DomainName")), ()) if endpoint.streams)
                if behind:
                    found.append(Origin(resource, index, settings, behind))
        return tuple(found)

    @cached_property
    def scalable_targets(self) -> tuple[Resource, ...]:
        """Those on the provisioned concurrency of aliases."""
        return tuple(
            resource
            for resource in self.assembly.of_type("AWS::ApplicationAutoScaling::ScalableTarget")
            if self.value(resource, "ScalableDimension") == "lambda:function:ProvisionedConcurrency"
        )

    def rest_api(self, method: Resource) -> Resource | None:
        """The REST API of a method."""
        identifier = self.value(method, "RestApiId")
        found = (api for api in self.assembly.of_type("AWS::ApiGateway::RestApi") if self.ref(api) == identifier is not None)
        return next(found, None)

    def _urls(self) -> Iterator[Endpoint]:
        for resource in self.assembly.of_type("AWS::Lambda::Url"):
            called = self.reference(resource, "TargetFunctionArn")
            if called is None:
                continue
            qualifier = self.value(resource, "Qualifier")
            streams = self.value(resource, "InvokeMode") == "RESPONSE_STREAM"
            yield Endpoint(resource, FunctionReference(called.arn, qualifier or called.qualifier), True, streams)

    def _methods(self) -> Iterator[Endpoint]:
        for resource in self.assembly.of_type("AWS::ApiGateway::Method"):
            called = integration_function(self.value(resource, "Integration", "Uri"), resource.stack)
            if called is not None:
                streams = self.value(resource, "Integration", "ResponseTransferMode") == "STREAM"
                yield Endpoint(resource, called, False, streams)

    def _scaled_aliases(self) -> Mapping[FunctionReference, list[Resource]]:
        found: dict[FunctionReference, list[Resource]] = {}
        for target in self.scalable_targets:
            # function:<name>:<alias>
            called = reference(str(self.value(target, "ResourceId", default="")).removeprefix("function:"), target.stack)
            if called is not None:
                found.setdefault(called, []).append(target)
        return found

    def _addresses(self) -> Mapping[str, list[Endpoint]]:
        """Host name to the endpoints that answer there."""
        found: dict[str, list[Endpoint]] = {}
        for endpoint in self.endpoints:
            resource = endpoint.resource
            if endpoint.is_url:
                host = str(self.attribute(resource, "FunctionUrl")).removeprefix("https://").rstrip("/")
            else:
                suffix = resource.stack.url_suffix
                host = f"{self.value(resource, 'RestApiId')}.execute-api.{resource.stack.region}.{suffix}"
            found.setdefault(host, []).append(endpoint)
        return found


def _number(value: Any) -> float | None:
    """CloudFormation takes numbers as text too; None for what is none."""
    try:
        return None if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def is_true(value: Any) -> bool:
    """CloudFormation takes booleans as text too."""
    return value is True or str(value).lower() == "true"
