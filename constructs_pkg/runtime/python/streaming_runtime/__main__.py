"""`python -m streaming_runtime`: what Lambda starts instead of the stock client, and all that a container image needs.

Reads _HANDLER, LAMBDA_TASK_ROOT and AWS_LAMBDA_RUNTIME_API, and the settings of settings.py. Exit codes: 1 when the function cannot
start or the Runtime API is gone, with one line in the log.
"""

from __future__ import annotations

import os
import sys

from . import handler, logs, search_path
from .errors import InitError
from .serve import Server
from .settings import Settings
from .transport import RuntimeApi, TransportError


def main() -> int:
    """Serves until the Runtime API goes away."""
    logs.setup()
    address = os.environ.get("AWS_LAMBDA_RUNTIME_API", "")
    if not address:
        logs.log(
            "ERROR", "RUNTIME_API: AWS_LAMBDA_RUNTIME_API is not set; allowed: host:port; Lambda sets it, and so do its emulators"
        )
        return 1
    api = RuntimeApi(address)
    try:
        return _run(api)
    except TransportError as error:
        logs.log("ERROR", str(error))
        return 1


def _run(api: RuntimeApi) -> int:
    try:
        settings = Settings(os.environ)
        search_path.arrange()
        served = handler.load(os.environ.get("_HANDLER", ""), settings.redact)
    except InitError as error:
        if error.__cause__ is not None:
            logs.log_exception(error.__cause__)
        logs.log("ERROR", f"{error.error_type}: {error}")
        api.fail_init(error.error_type, str(error))
        return 1
    server = Server(api, served, settings)
    while True:
        server.serve_one()


if __name__ == "__main__":
    sys.exit(main())
