"""The environment variables of an execution environment. Pure.

Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime; the values are
those that AWS was seen to give a python3.13 function (LocalStack's snapshots taken on AWS,
tests/aws/services/lambda_/test_lambda_common.snapshot.json).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs_pkg.emulator.functions import Function

_PATH_LISTS = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "NODE_PATH")
"""Variables of the function whose entries name places inside the environment."""

_PLACES = ("/opt", "/var/task", "/var/runtime", "/tmp")  # noqa: S108  # nosec B108 - Lambda's own paths, to be mapped


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where the parts of one environment are on this machine: what Lambda calls /var/task, /opt, /var/runtime and /tmp."""

    task: Path
    opt: Path
    runtime: Path
    tmp: Path
    home: Path

    def real(self, path: str) -> str:
        """A path of Lambda's in terms of this machine."""
        return self._mapped(path, _PLACES)

    def program(self, path: str) -> str:
        """The same for what starts a runtime. Its interpreter is this machine's own, and may lie under this machine's own /tmp."""
        return self._mapped(path, _PLACES[:-1])

    def _mapped(self, path: str, names: tuple[str, ...]) -> str:
        for name, place in zip(names, (self.opt, self.task, self.runtime, self.tmp), strict=False):
            if path == name or path.startswith(name + "/"):
                return str(place) + path[len(name) :]
        return path


REAL_PLACES = Places(
    task=Path("/var/task"),
    opt=Path("/opt"),
    runtime=Path("/var/runtime"),
    tmp=Path("/tmp"),  # noqa: S108  # nosec B108
    home=Path("/home/sbx_user1051"),
)
"""Where they are for a process that has them mounted. The home folder is what AWS was seen to name; it is not there."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the emulator gives to all functions: credentials by role, endpoints of the services that it emulates."""

    credentials: Mapping[str, str]
    endpoints: Mapping[str, str]


def environment_variables(
    function: Function,
    *,
    version: str,
    initialization_type: str,
    runtime_api: str,
    log_stream: str,
    places: Places,
    surroundings: Surroundings,
    pycache: Path,
    extra: Mapping[str, str],
) -> dict[str, str]:
    """All variables of an environment. Nothing of the emulator's own environment is among them.

    Args:
        function: Whose variables come on top.
        version: `$LATEST` or a number.
        initialization_type: `on-demand` or `provisioned-concurrency`.
        runtime_api: `host:port`.
        log_stream: Name of the log stream.
        places: The private folders.
        surroundings: Credentials and endpoints.
        pycache: Where compiled modules go, since /var/task and /opt are not written to.
        extra: What this kind of function has beside the usual ones, in Lambda's own paths.
    """
    variables = {
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": initialization_type,
        "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
        "_AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1",
        "_AWS_XRAY_DAEMON_PORT": "2000",
        "LAMBDA_RUNTIME_DIR": str(places.runtime),
        "LAMBDA_TASK_ROOT": str(places.task),
        "LANG": "en_US.UTF-8",
        "LD_LIBRARY_PATH": os.pathsep.join(str(path) for path in (places.task, places.task / "lib", places.opt / "lib")),
        "PATH": os.pathsep.join(["/usr/local/bin", "/usr/bin", "/bin", str(places.opt / "bin")]),
        "PWD": str(places.task),
        "PYTHONPATH": str(places.runtime),
        "SHLVL": "0",
        "TZ": ":UTC",
        "_HANDLER": function.handler,
        # Not on Lambda, where these are the machine's: the person's home and /tmp stay out of reach.
        "HOME": str(places.home),
        "TMPDIR": str(places.tmp),
        "PYTHONPYCACHEPREFIX": str(pycache),
        "PYTHONNOUSERSITE": "1",
        **surroundings.credentials,
        **surroundings.endpoints,
    }
    for name, value in extra.items():
        variables[name] = os.pathsep.join(places.real(entry) for entry in value.split(os.pathsep))
    if function.log_format == "JSON":
        variables |= {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": function.log_level}
    for name, value in function.environment.items():
        variables[name] = _mapped(name, value, places)
    return variables


def _mapped(name: str, value: str, places: Places) -> str:
    if name == "AWS_LAMBDA_EXEC_WRAPPER":
        return places.real(value)
    if name in _PATH_LISTS:
        return os.pathsep.join(places.real(entry) for entry in value.split(os.pathsep))
    return value
