"""Lambda Managed Instances: several invocations at once in one environment, each in a process of its own, as the stock client does it.

Every worker is forked from a parent that has loaded nothing but this runtime, loads the function itself, and has its own connection to the
Runtime API and its own environment variables: nothing is shared but /tmp. What the stock client leaves dead is replaced here.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-python-runtime.html,
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html and the stock client (awslambdaric, lambda_multi_concurrent_utils.py).
"""

from __future__ import annotations

import os
import signal
import sys
import time

from . import logs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

VARIABLE = "AWS_LAMBDA_MAX_CONCURRENCY"
MAX_WORKERS = 1024
READY = b"r"
SERVED = b"s"
MAX_DEATHS_IN_A_ROW = 5  # without any worker having served an invocation meanwhile
PAUSE_SECONDS = 0.05  # before the first of them is replaced; doubled for each further one
STOP_SECONDS = 2.0  # a worker that is told to go and does not is killed
_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)
_OUTPUT_SOCKET = "_LAMBDA_TELEMETRY_LOG_FD_PROVIDER_SOCKET"


def run(count: str, work: Callable[[Callable[[bytes], None]], int]) -> int:
    """Runs `work` in so many processes, and replaces those that die.

    Args:
        count: As AWS_LAMBDA_MAX_CONCURRENCY has it.
        work: Serves invocations; is given what to call with READY when the function is loaded, and with SERVED after each invocation.

    Returns:
        What to exit with: in the parent when nothing can be served any more, and in each worker.
    """
    if not (count.isascii() and count.isdigit() and len(count) < 9 and 1 <= int(count) <= MAX_WORKERS):
        logs.log("ERROR", f"WORKERS: found {VARIABLE}={count!r}; allowed: a whole number, 1 to {MAX_WORKERS}; Lambda sets it")
        return 1
    logs.log("DEBUG", f"WORKERS: starting {count}")
    return _Pool(int(count), work).keep()


class _Pool:
    """The workers of one parent, which waits for signals and does nothing else."""

    def __init__(self, count: int, work: Callable[[Callable[[bytes], None]], int]) -> None:
        self._count = count
        self._work = work
        self._workers: set[int] = set()
        self._news, self._tell = os.pipe()
        for end in (self._news, self._tell):
            os.set_blocking(end, False)
        self._begun = False
        self._deaths = 0

    def keep(self) -> int:
        """Keeps so many workers until it cannot or must not."""
        # Blocked and waited for, so that none is missed; with a handler, as an ignored signal may be dropped even while it is blocked.
        signal.signal(signal.SIGCHLD, lambda number, frame: None)  # noqa: ARG005
        unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        while True:
            while len(self._workers) < self._count:
                if self._fork():
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
                    return self._serve()
            number = signal.sigwait(_SIGNALS)
            if number != signal.SIGCHLD:
                self._end_all()
                return 128 + number
            for worker, code in self._dead():
                if not self._may_replace(worker, code):
                    self._end_all()
                    return 1

    def _fork(self) -> bool:
        """Makes a worker. Returns whether this is it."""
        sys.stdout.flush()
        sys.stderr.flush()  # or the worker would write what is left in the buffers once more
        worker = os.fork()
        if worker:
            self._workers.add(worker)
        return not worker

    def _serve(self) -> int:
        os.close(self._news)
        logs.write_to_standard_output()
        _take_output_socket()
        return self._work(lambda word: _say(self._tell, word))

    def _dead(self) -> list[tuple[int, int]]:
        """Those that have died since, with their exit codes."""
        dead = []
        for worker in tuple(self._workers):
            ended, status = os.waitpid(worker, os.WNOHANG)
            if ended:
                self._workers.discard(worker)
                dead.append((worker, os.waitstatus_to_exitcode(status)))
        return dead

    def _may_replace(self, worker: int, code: int) -> bool:
        news = _hear(self._news)
        self._begun = self._begun or bool(news)
        if not self._begun:
            logs.log("ERROR", f"WORKERS: worker {worker} could not start (exit code {code}); the environment ends")
            return False
        self._deaths = 1 if SERVED in news else self._deaths + 1
        if self._deaths > MAX_DEATHS_IN_A_ROW:
            logs.log(
                "ERROR", f"WORKERS: {self._deaths} died without serving, the last with exit code {code}; the environment ends"
            )
            return False
        logs.log("WARN", f"WORKER_REPLACED: worker {worker} ended with exit code {code}")
        time.sleep(PAUSE_SECONDS * float(1 << (self._deaths - 1)))
        return True

    def _end_all(self) -> None:
        until = time.monotonic() + STOP_SECONDS
        for worker in self._workers:
            os.kill(worker, signal.SIGTERM)  # dead or alive, it is still ours: nobody has waited for it
        while self._workers:
            self._dead()
            if time.monotonic() > until:
                for worker in self._workers:
                    os.kill(worker, signal.SIGKILL)
            time.sleep(0.01)


def _say(descriptor: int, word: bytes) -> None:
    try:
        os.write(descriptor, word)
    except OSError as error:
        del error  # the pipe is full, and so says that there is life; or the parent is gone


def _hear(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except BlockingIOError:
        return b""


def _take_output_socket() -> None:
    """Lambda gives each worker a place of its own to write to, where it offers one."""
    path = os.environ.get(_OUTPUT_SOCKET)
    if not path:
        return
    import _socket as socket

    for stream in (1, 2):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(path)
            os.dup2(connection.fileno(), stream)
        except OSError as error:  # the parent's output, which this worker has already, is as good
            logs.log("WARN", f"WORKERS: no output of its own at {path}: {error}")
        finally:
            connection.close()
