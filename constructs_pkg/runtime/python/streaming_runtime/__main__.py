"""`python -m streaming_runtime`: what Lambda starts instead of the stock client, and all that a container image needs.

Reads _HANDLER, LAMBDA_TASK_ROOT and AWS_LAMBDA_RUNTIME_API, and the settings of settings.py. Exit codes, each with a line in the log: 1
when the function cannot start or the Runtime API is gone; 64 and 65 when a hook around a snapshot failed.
"""

from __future__ import annotations

import os
import sys

from . import handler, logs, search_path
from .collector import AtRest
from .errors import InitError
from .serve import Server
from .settings import Settings
from .transport import RuntimeApi, TransportError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> int:
    """Serves until the Runtime API goes away."""
    logs.setup()
    address = os.environ.get("AWS_LAMBDA_RUNTIME_API", "")
    if not address:
        logs.log(
            "ERROR", "RUNTIME_API: AWS_LAMBDA_RUNTIME_API is not set; allowed: host:port; Lambda sets it, and so do its emulators"
        )
        return 1
    concurrency = os.environ.get("AWS_LAMBDA_MAX_CONCURRENCY")
    if concurrency is None:
        return _work(address)
    from . import workers  # Lambda Managed Instances: several invocations at once

    return workers.run(concurrency, lambda tell: _work(address, tell))


def _work(address: str, tell: Callable[[bytes], None] | None = None) -> int:
    """Serves until the Runtime API goes away. `tell` hears of what a parent has to know."""
    api = RuntimeApi(address)
    try:
        return _run(api, tell)
    except TransportError as error:
        logs.log("ERROR", str(error))
        return 1


def _run(api: RuntimeApi, tell: Callable[[bytes], None] | None) -> int:
    try:
        settings = Settings(os.environ)
        search_path.arrange()
        with AtRest():
            served = handler.load(os.environ.get("_HANDLER", ""), settings.redact)
    except InitError as error:
        if error.__cause__ is not None:
            logs.log_exception(error.__cause__)
        logs.log("ERROR", f"{error.error_type}: {error}")
        api.fail_init(error.error_type, str(error))
        return 1
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        from . import snapstart

        failed = snapstart.go_through(api)
        if failed:
            return failed
    server = Server(api, served, settings)  # its thread begins here: after the snapshot, and in the process that serves
    if tell is not None:
        from .workers import READY, SERVED

        tell(READY)
        while True:
            server.serve_one()
            tell(SERVED)
    while True:
        server.serve_one()


if __name__ == "__main__":
    sys.exit(main())
