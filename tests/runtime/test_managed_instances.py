"""Lambda Managed Instances: several invocations at once in one environment, each in a worker of its own."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from streaming_runtime import workers
from tests.runtime.neutral_api import MEASURED, NEXT, PATIENCE, Connection, Reply, Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.runtime.conftest import Start

SOURCE = """
    LOADED_BY = os.getpid()
    def handler(event, context):
        if event.get("exit"):
            os._exit(event["exit"])
        if event.get("sleep"):
            time.sleep(event["sleep"])
        return {"pid": os.getpid(), "loaded by": LOADED_BY, "trace": os.environ.get("_X_AMZN_TRACE_ID"), "id": context.aws_request_id,
                "context": context.trace_id}
"""


class Instance:
    """A Runtime API that serves several connections at once, each driven by hand."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.connections: list[Connection] = []
        self._invocations = 0

    def accept(self) -> Connection:
        connection = self.runtime.accept()
        self.runtime.connection = None
        self.connections.append(connection)
        return connection

    def waiting(self, count: int) -> list[Connection]:
        """So many workers that ask for an invocation."""
        return [self.asking(self.accept()) for _ in range(count)]

    def asking(self, connection: Connection) -> Connection:
        request = connection.read_request()
        assert request.path == NEXT
        return connection

    def deliver(self, connection: Connection, event: Any, **headers: str) -> str:
        self._invocations += 1
        name = f"request-{self._invocations}"
        payload = json.dumps(event).encode()
        fields = {
            "Lambda-Runtime-Aws-Request-Id": name,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + PATIENCE) * 1000)),
            "Content-Length": str(len(payload)),
            **headers,
        }
        head = "".join(f"{key}: {value}\r\n" for key, value in fields.items())
        connection.send(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + payload)
        return name

    def answer(self, connection: Connection) -> Any:
        reply = connection.read_body(connection.read_request())
        connection.send(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        return reply.json

    def invoke(self, connection: Connection, event: Any, **headers: str) -> Any:
        self.deliver(connection, event, **headers)
        answer = self.answer(connection)
        self.asking(connection)
        return answer

    def is_quiet(self) -> bool:
        """Whether nobody else connects for a moment."""
        return not select.select([self.runtime.listener], [], [], 0.3)[0]

    def log(self) -> str:
        """Ends them all and returns what they wrote to the parent's output."""
        if MEASURED:
            self.runtime.process.terminate()  # and so its workers, which save what they measured
        else:
            os.killpg(self.runtime.process.pid, signal.SIGKILL)
        return self.runtime.exit()[1]

    def close(self) -> None:
        for connection in self.connections:
            connection.socket.close()


@pytest.fixture
def instance(start: Start) -> Iterator[Any]:
    made: list[Instance] = []

    def begin(count: int, source: str = SOURCE, **environment: str) -> Instance:
        made.append(
            Instance(start(source, environment={workers.VARIABLE: str(count), "AWS_LAMBDA_LOG_FORMAT": "JSON", **environment}))
        )
        return made[0]

    yield begin
    for one in made:
        one.close()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_each_worker_is_a_process_that_loaded_the_function_itself(instance: Any, interpreter: str) -> None:
    serving = instance(3)
    waiting = serving.waiting(3)
    assert serving.is_quiet()
    for connection in waiting:
        serving.deliver(connection, {"sleep": 0.05})
    answers = [serving.answer(connection) for connection in reversed(waiting)]
    pids = {answer["pid"] for answer in answers}
    assert len(pids) == 3
    assert all(answer["pid"] == answer["loaded by"] for answer in answers)
    assert serving.runtime.process.pid not in pids
    for connection in waiting:
        serving.asking(connection)
    assert {serving.invoke(connection, {})["pid"] for connection in waiting} == pids, "each keeps its connection"


def test_one_worker_is_a_worker_too(instance: Any) -> None:
    serving = instance(1)
    [connection] = serving.waiting(1)
    assert serving.invoke(connection, {})["pid"] != serving.runtime.process.pid


def test_traces_and_request_ids_do_not_mix(instance: Any) -> None:
    serving = instance(2)
    one, two = serving.waiting(2)
    for connection, trace in ((one, "Root=1"), (two, "Root=2")):
        serving.deliver(connection, {"sleep": 0.05}, **{"Lambda-Runtime-Trace-Id": trace})
    first, second = serving.answer(one), serving.answer(two)
    assert (first["trace"], first["context"], first["id"]) == ("Root=1", "Root=1", "request-1")
    assert (second["trace"], second["context"], second["id"]) == ("Root=2", "Root=2", "request-2")
    serving.asking(one)
    answer = serving.invoke(one, {})
    assert (answer["trace"], answer["context"]) == (None, None), "removed where there is none"


@pytest.mark.parametrize("how", [7, "SIGKILL", "SystemExit"])
def test_a_worker_that_dies_is_replaced_and_the_others_go_on(instance: Any, how: Any) -> None:
    source = SOURCE.replace("os._exit(event", "sys.exit(event") if how == "SystemExit" else SOURCE
    serving = instance(2, source)
    one, two = serving.waiting(2)
    staying = serving.invoke(two, {})["pid"]
    if how == "SIGKILL":
        os.kill(serving.invoke(one, {})["pid"], signal.SIGKILL)
    else:
        serving.deliver(one, {"exit": 3 if how == "SystemExit" else how})
        if how == "SystemExit":
            one.read_body(one.read_request())
            one.send(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
    assert one.is_closed()
    [three] = serving.waiting(1)
    assert serving.invoke(three, {})["pid"] not in (staying, serving.runtime.process.pid)
    assert serving.invoke(two, {})["pid"] == staying
    log = serving.log()
    assert log.count("WORKER_REPLACED") == 1
    assert f"ended with exit code {-9 if how == 'SIGKILL' else 3 if how == 'SystemExit' else 7}" in log


def test_workers_that_keep_dying_end_the_environment(instance: Any) -> None:
    serving = instance(1)
    for _ in range(workers.MAX_DEATHS_IN_A_ROW + 1):
        [connection] = serving.waiting(1)
        serving.deliver(connection, {"exit": 1})
        assert connection.is_closed()
    code, log = serving.runtime.exit()
    assert code == 1
    assert "died without serving" in log
    assert log.count("WORKER_REPLACED") == workers.MAX_DEATHS_IN_A_ROW


def test_deaths_between_which_something_was_served_do_not_add_up(instance: Any) -> None:
    serving = instance(1)
    for _ in range(workers.MAX_DEATHS_IN_A_ROW + 2):
        [connection] = serving.waiting(1)
        serving.invoke(connection, {})
        serving.deliver(connection, {"exit": 1})
        assert connection.is_closed()
    serving.waiting(1)


def test_a_function_that_cannot_start_says_so_and_all_end(instance: Any) -> None:
    serving = instance(2, "raise ValueError('secret')")
    told = 0
    for _ in range(2):
        try:
            connection = serving.accept()
            reply: Reply = connection.read_body(connection.read_request())
        except (OSError, EOFError):
            break  # the first to fail ended the other
        assert reply.path == "/2018-06-01/runtime/init/error"
        told += 1
        with contextlib.suppress(OSError):
            connection.send(b"HTTP/1.1 %d Said\r\nContent-Length: 0\r\n\r\n" % (202 if told == 1 else 403))
    code, log = serving.runtime.exit()
    assert (code, told >= 1) == (1, True)
    assert "could not start" in log
    assert "WORKER_REPLACED" not in log


@pytest.mark.parametrize(("number", "stubborn"), [(signal.SIGTERM, False), (signal.SIGINT, False), (signal.SIGTERM, True)])
def test_a_signal_to_the_parent_ends_every_worker(instance: Any, number: signal.Signals, stubborn: bool) -> None:
    source = """
    import signal
    signal.signal(signal.SIGTERM, (lambda *_: None) if %r else (lambda *_: (print("cleaning up", flush=True), sys.exit(0))))
    """
    serving = instance(2, source % stubborn + SOURCE)
    pids = [serving.invoke(connection, {})["pid"] for connection in serving.waiting(2)]
    serving.runtime.process.send_signal(number)
    code, log = serving.runtime.exit()
    assert code == 128 + number
    assert not any(is_alive(pid) for pid in pids)
    assert log.count("cleaning up") == (0 if stubborn else 2)


def test_no_runtime_api_any_more_ends_the_environment(instance: Any) -> None:
    serving = instance(2)
    for connection in serving.waiting(2):
        connection.socket.close()
    serving.runtime.listener.close()
    code, log = serving.runtime.exit()
    assert code == 1
    assert "GET /invocation/next" in log


@pytest.mark.parametrize("count", ["", "0", "many", "-1", "1e3", "100000", "9" * 30])
def test_a_count_that_is_none_is_refused(start: Start, count: str) -> None:
    code, log = start(SOURCE, environment={workers.VARIABLE: count}).exit()
    assert code == 1
    assert f"WORKERS: found AWS_LAMBDA_MAX_CONCURRENCY={count!r}; allowed: a whole number, 1 to 1024" in log


def test_each_worker_writes_to_the_output_that_lambda_gives_it(instance: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "o")
    texts: list[str] = []

    def read(connection: socket.socket) -> None:
        with connection, connection.makefile("r") as lines:
            texts.append(lines.read())

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        listener.settimeout(PATIENCE)
        serving = instance(2, SOURCE + "    print('at init', flush=True)", _LAMBDA_TELEMETRY_LOG_FD_PROVIDER_SOCKET=path)
        readers = [threading.Thread(target=read, args=(listener.accept()[0],)) for _ in range(4)]
        for reader in readers:
            reader.start()
        for connection in serving.waiting(2):
            serving.deliver(connection, 7)  # no object: the handler fails, and the runtime logs it
            connection.read_body(connection.read_request())
        assert "at init" not in serving.log()
        for reader in readers:
            reader.join(PATIENCE)
    assert len(texts) == 4, "standard output and standard error of both"
    records = [json.loads(line) for text in texts for line in text.splitlines() if line.startswith("{")]
    assert {record["requestId"] for record in records if record.get("errorType") == "AttributeError"} == {
        "request-1",
        "request-2",
    }
    assert sum(text.count("at init") for text in texts) == 2


def test_an_output_that_cannot_be_had_is_no_reason_not_to_serve(instance: Any) -> None:
    serving = instance(1, _LAMBDA_TELEMETRY_LOG_FD_PROVIDER_SOCKET="/nowhere")
    [connection] = serving.waiting(1)
    assert serving.invoke(connection, {})["id"] == "request-1"
    assert "no output of its own at /nowhere" in serving.log()


def test_workers_write_lines_and_no_frames(start: Start, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    environment = {workers.VARIABLE: "1", "_LAMBDA_TELEMETRY_LOG_FD": str(writing), "AWS_LAMBDA_LOG_FORMAT": "JSON"}
    runtime = start("raise ValueError", environment=environment, pass_fds=(writing,))
    os.close(writing)
    connection = runtime.accept()
    connection.read_body(connection.read_request())
    runtime.acknowledge()
    _, log = runtime.exit()
    assert '"errorType":"ValueError"' in log
    with os.fdopen(reading, "rb") as frames:
        assert b"ValueError" not in frames.read()


def test_a_parent_that_does_not_listen_holds_no_worker_up() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    assert workers._hear(reading) == b""
    for _ in range(2):
        workers._say(writing, b"s" * 60_000)
    assert len(workers._hear(reading)) > 1
    os.close(reading)
    workers._say(writing, b"s")
    os.close(writing)
