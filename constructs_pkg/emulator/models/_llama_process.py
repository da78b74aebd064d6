"""The local model's own program: llama.cpp's HTTP server, in a process of its own, run by the emulator's interpreter.

Arguments: weights, threads, context size, parallel answers. It says its address in one line on standard output, and lives until
it is killed: the supervisor sees to that.
"""

from __future__ import annotations

import json
import sys
import threading

import xllamacpp


def main(weights: str, threads: int, context: int, parallel: int) -> None:
    """Loads the model and serves it on a free port of 127.0.0.1."""
    parameters = xllamacpp.CommonParams()
    parameters.model.path = weights
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.cpuparams.n_threads = threads
    parameters.cpuparams_batch.n_threads = threads
    parameters.n_ctx = context * parallel
    parameters.n_parallel = parallel
    parameters.n_threads_http = parallel + 2
    parameters.cache_prompt = True
    parameters.warmup = True
    parameters.verbosity = -1
    parameters.ui = False
    server = xllamacpp.Server(parameters)
    sys.stdout.write(json.dumps({"address": server.listening_address}) + "\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]))
