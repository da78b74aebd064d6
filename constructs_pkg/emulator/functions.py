"""The functions of an assembly as Lambda would hold them: configuration, aliases, URLs. Pure; nothing runs here."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from constructs_pkg.assembly import AssemblyError, CloudAssembly, Resource

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DEFAULT_TIMEOUT_SECONDS = 3
DEFAULT_MEMORY_MB = 128
DEFAULT_TMP_MB = 512
MAX_TIMEOUT_SECONDS = 900
"""Lambda's own limits and defaults: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html."""

_PYTHON = re.compile(r"^python(3\.\d+)$")
_NODE = re.compile(r"^nodejs(\d+)\.x$")
_PROVIDED = re.compile(r"^provided(\.al\d+)?$")
_ADAPTER_LAYER = re.compile(r":layer:LambdaAdapterLayer(X86|Arm64)(:|$)")
_ADAPTER_WRAPPER = "/opt/bootstrap"
_ADAPTER_PROGRAM = "extensions/lambda-adapter"


@dataclass(frozen=True, kw_only=True)
class Cors:
    """CORS settings of a Function URL: https://docs.aws.amazon.com/lambda/latest/api/API_Cors.html."""

    allow_credentials: bool = False
    allow_headers: tuple[str, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_origins: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age: int | None = None


@dataclass(frozen=True, kw_only=True)
class FunctionUrl:
    """A Function URL: `qualifier` is the alias, or None for $LATEST; `resource` is the template's."""

    resource: Resource
    function_name: str
    qualifier: str | None
    auth_type: str
    invoke_mode: str
    cors: Cors | None


@dataclass(frozen=True, kw_only=True)
class Alias:
    """An alias: the version that it points to, and how many environments it keeps warm."""

    name: str
    version: str
    provisioned: int


@dataclass(frozen=True, kw_only=True)
class Function:
    """A function of the template, its intrinsics resolved.

    Attributes:
        broken: Why it cannot be run, in one line, or None.
        version: The Python that its runtime names, such as `3.13`, or None where it is no Python function.
        node: The Node.js that its runtime names, such as 22, or None where it is no Node.js function.
        behind_web_adapter: Whether the Lambda Web Adapter's wrapper script starts it.
        tmp_mb: Size of /tmp.
        snap_start: Whether SnapStart is on, for published versions.
        log_format: `JSON` or `Text`.
        log_level: Of the function's own JSON log records.
        system_log_level: Of Lambda's.
        reserved: Reserved concurrency, or None.
    """

    stack: str
    path: str
    logical_id: str
    name: str
    arn: str
    region: str
    account: str
    runtime: str = ""
    version: str | None = None
    node: int | None = None
    behind_web_adapter: bool = False
    handler: str = ""
    architecture: str = "x86_64"
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    memory_mb: int = DEFAULT_MEMORY_MB
    tmp_mb: int = DEFAULT_TMP_MB
    snap_start: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    code: Path | None = None
    inline_code: str | None = None
    layers: tuple[Path, ...] = ()
    role_arn: str = ""
    log_group: str = ""
    log_format: str = "Text"
    log_level: str = "INFO"
    system_log_level: str = "INFO"
    reserved: int | None = None
    aliases: tuple[Alias, ...] = ()
    broken: str | None = None

    @property
    def wrapper(self) -> str:
        """The wrapper script that AWS_LAMBDA_EXEC_WRAPPER names, in Lambda's own path; empty for none."""
        return self.environment.get("AWS_LAMBDA_EXEC_WRAPPER", "")

    def alias(self, qualifier: str | None) -> Alias | None:
        """The alias of that name."""
        return next((alias for alias in self.aliases if alias.name == qualifier), None)

    def version_of(self, qualifier: str | None) -> str | None:
        """The version behind a qualifier, `$LATEST` for none; None where there is no such qualifier."""
        return self._versions.get(qualifier)

    @functools.cached_property
    def _versions(self) -> Mapping[str | None, str]:
        """By qualifier."""
        by_number: dict[str | None, str] = {alias.version: alias.version for alias in self.aliases}
        by_alias: dict[str | None, str] = {alias.name: alias.version for alias in reversed(self.aliases)}
        return {**by_number, **by_alias, None: "$LATEST", "$LATEST": "$LATEST"}


def read_functions(assembly: CloudAssembly) -> tuple[list[Function], list[FunctionUrl]]:
    """All functions of an assembly, and their URLs. A function whose template cannot be resolved is broken; the others are not."""
    layers = {layer.ref: layer for layer in assembly.of_type("AWS::Lambda::LayerVersion")}
    scaled = _scaled(assembly)
    aliases: dict[str, list[Alias]] = {}
    for resource in assembly.of_type("AWS::Lambda::Alias"):
        name, alias = _read_alias(resource, scaled)
        aliases.setdefault(name, []).append(alias)
    functions = [
        _read_function(resource, layers, tuple(aliases.get(resource.ref, ())))
        for resource in assembly.of_type("AWS::Lambda::Function")
    ]
    urls = [_read_url(resource) for resource in assembly.of_type("AWS::Lambda::Url")]
    return functions, urls


def _scaled(assembly: CloudAssembly) -> Mapping[str, int]:
    """The least provisioned concurrency that autoscaling keeps, by `function:<name>:<alias>`.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html#managing-provisioned-concurency
    """
    found: dict[str, int] = {}
    for target in assembly.of_type("AWS::ApplicationAutoScaling::ScalableTarget"):
        try:
            if target.property("ScalableDimension") == "lambda:function:ProvisionedConcurrency":
                found[str(target.property("ResourceId"))] = int(target.property("MinCapacity", default=0))
        except AssemblyError:
            continue  # of something else: what it is about is known only when it is deployed
    return found


def _read_alias(resource: Resource, scaled: Mapping[str, int]) -> tuple[str, Alias]:
    fixed = int(resource.property("ProvisionedConcurrencyConfig", "ProvisionedConcurrentExecutions", default=0))
    function, _ = parse_function_reference(str(resource.property("FunctionName")))
    name = str(resource.property("Name"))
    provisioned = max(fixed, scaled.get(f"function:{function}:{name}", 0))
    return function, Alias(name=name, version=str(resource.property("FunctionVersion")), provisioned=provisioned)


def _read_url(resource: Resource) -> FunctionUrl:
    name, arn_qualifier = parse_function_reference(str(resource.property("TargetFunctionArn")))
    qualifier = resource.property("Qualifier", default=None) or arn_qualifier
    return FunctionUrl(
        resource=resource,
        function_name=name,
        qualifier=qualifier,
        auth_type=str(resource.property("AuthType")),
        invoke_mode=str(resource.property("InvokeMode", default="BUFFERED")),
        cors=_read_cors(resource.property("Cors", default=None)),
    )


def _read_cors(document: Mapping[str, Any] | None) -> Cors | None:
    if document is None:
        return None
    max_age = document.get("MaxAge")
    return Cors(
        allow_credentials=str(document.get("AllowCredentials", False)).lower() == "true",
        allow_headers=tuple(document.get("AllowHeaders", ())),
        allow_methods=tuple(document.get("AllowMethods", ())),
        allow_origins=tuple(document.get("AllowOrigins", ())),
        expose_headers=tuple(document.get("ExposeHeaders", ())),
        max_age=None if max_age is None else int(max_age),
    )


def _read_function(resource: Resource, layers: Mapping[str, Resource], aliases: tuple[Alias, ...]) -> Function:
    name = resource.ref
    base: dict[str, Any] = {
        "stack": resource.stack.name,
        "path": resource.path,
        "logical_id": resource.logical_id,
        "name": name,
        "arn": str(resource.get_att("Arn")),
        "region": resource.stack.region,
        "account": resource.stack.account,
        "aliases": aliases,
    }
    try:
        return Function(**base, **_read_configuration(resource, name, layers))
    except AssemblyError as error:
        return Function(**base, broken=str(error))
    except (ValueError, TypeError, AttributeError) as error:
        return Function(
            **base,
            broken=f"PROPERTY_UNREADABLE: a property of {resource.path} is not of the type that CloudFormation wants: {error}; correct it",
        )


def _read_configuration(resource: Resource, name: str, layers: Mapping[str, Resource]) -> dict[str, Any]:
    runtime = str(resource.property("Runtime", default=""))
    python, node = _PYTHON.match(runtime), _NODE.match(runtime)
    reserved = resource.property("ReservedConcurrentExecutions", default=None)
    variables = resource.property("Environment", "Variables", default={})
    code, inline = resource.asset_path("Code"), resource.property("Code", "ZipFile", default=None)
    found, missing = _layers_of(resource, layers)
    configuration: dict[str, Any] = {
        "runtime": runtime,
        "version": python[1] if python else None,
        "node": int(node[1]) if node else None,
        "handler": str(resource.property("Handler", default="")),
        "architecture": str(next(iter(resource.property("Architectures", default=["x86_64"])))),
        "timeout_seconds": min(float(resource.property("Timeout", default=DEFAULT_TIMEOUT_SECONDS)), MAX_TIMEOUT_SECONDS),
        "memory_mb": int(resource.property("MemorySize", default=DEFAULT_MEMORY_MB)),
        "tmp_mb": int(resource.property("EphemeralStorage", "Size", default=DEFAULT_TMP_MB)),
        "snap_start": resource.property("SnapStart", "ApplyOn", default="None") == "PublishedVersions",
        "environment": {str(key): str(value) for key, value in variables.items()},
        "code": code,
        "inline_code": inline,
        "layers": found,
        "role_arn": str(resource.property("Role", default="")),
        "log_group": str(resource.property("LoggingConfig", "LogGroup", default=f"/aws/lambda/{name}")),
        "log_format": str(resource.property("LoggingConfig", "LogFormat", default="Text")),
        "log_level": str(resource.property("LoggingConfig", "ApplicationLogLevel", default="INFO")),
        "system_log_level": str(resource.property("LoggingConfig", "SystemLogLevel", default="INFO")),
        "reserved": None if reserved is None else int(reserved),
    }
    configuration["behind_web_adapter"] = _behind_web_adapter(configuration, missing)
    missing = [layer for layer in missing if not _ADAPTER_LAYER.search(layer)]
    configuration["broken"] = _why_broken(resource, configuration, missing)
    return configuration


def _layers_of(resource: Resource, layers: Mapping[str, Resource]) -> tuple[tuple[Path, ...], list[str]]:
    found: list[Path] = []
    missing: list[str] = []
    for reference in resource.property("Layers", default=[]):
        layer = layers.get(str(reference))
        content = layer.asset_path("Content") if layer is not None else None
        if content is None:
            missing.append(str(reference))
        else:
            found.append(content)
    return tuple(found), missing


def _behind_web_adapter(configuration: Mapping[str, Any], missing_layers: list[str]) -> bool:
    """Whether the adapter starts the function: its wrapper is named, and its layer is there, by ARN or as an asset.

    Source: https://awslabs.github.io/aws-lambda-web-adapter/getting-started/zip-packages.html
    """
    if configuration["environment"].get("AWS_LAMBDA_EXEC_WRAPPER") != _ADAPTER_WRAPPER:
        return False
    own = any((layer / _ADAPTER_PROGRAM).is_file() for layer in configuration["layers"])
    return own or any(_ADAPTER_LAYER.search(layer) for layer in missing_layers)


def _why_broken(resource: Resource, configuration: Mapping[str, Any], missing_layers: list[str]) -> str | None:
    """Why a function cannot be run here, or None. Each reason says what would mend it."""
    runtime = configuration["runtime"]
    if resource.property("PackageType", default="Zip") == "Image":
        return (
            "CONTAINER_IMAGE: the function is a container image, which needs a container engine and the image's own Linux; the emulator "
            "starts plain processes; use a zip package to run it here"
        )
    known = any(pattern.match(runtime) for pattern in (_PYTHON, _NODE, _PROVIDED))
    if not known and not configuration["behind_web_adapter"]:
        return (
            f"RUNTIME_NOT_RUN: the function's runtime is {runtime or 'absent'}; Python, Node.js and provided runtimes are run, and any "
            "web server behind the Lambda Web Adapter"
        )
    if missing_layers:
        return (
            f"LAYER_NOT_HERE: layer {missing_layers[0]} is not part of the assembly; only layers with an asset in it can be used"
        )
    if configuration["code"] is None and configuration["inline_code"] is None:
        return "CODE_NOT_HERE: the function's code is not an asset of the assembly; use Code.from_asset"
    return None


def parse_function_reference(reference: str) -> tuple[str, str | None]:
    """Name and qualifier of a function given by name, `name:qualifier`, partial ARN or ARN.

    Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_RequestParameters.
    """
    if ":function:" in reference:
        reference = reference.split(":function:", 1)[1]
    elif reference.startswith("function:"):
        reference = reference.removeprefix("function:")
    name, _, qualifier = reference.partition(":")
    return name, qualifier or None


def parse_function_place(reference: str) -> tuple[str | None, str | None]:
    """Region and account of a function given by ARN or partial ARN; None where the reference does not say."""
    parts = reference.split(":")
    if parts[0] == "arn" and len(parts) > 6:
        return parts[3], parts[4]
    return None, parts[0] if len(parts) > 2 and parts[1] == "function" else None
