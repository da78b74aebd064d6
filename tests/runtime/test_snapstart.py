"""Around a snapshot: hooks in their order, failures told, and a process that is fit to serve after every restore."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from streaming_runtime import snapstart
from tests.runtime.neutral_api import Runtime, url_event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.runtime.conftest import Start

snapshot_restore_py = pytest.importorskip("snapshot_restore_py")  # AWS's own, as it lies in /var/runtime
RESTORE_NEXT = "/2018-06-01/runtime/restore/next"
SNAP_START = {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}

OURS = """
    from streaming_runtime import snapstart
    said = []
    snapstart.register_before_snapshot(said.append, "before 1")
    @snapstart.register_before_snapshot
    def second():
        said.append("before 2")
        snapstart.register_before_snapshot(said.append, "before, late")
    snapstart.register_after_restore(said.append, "after 1")
    @snapstart.register_after_restore
    def after():
        said.append("after 2")
"""
AWS = OURS.replace("from streaming_runtime import snapstart", "import snapshot_restore_py as snapstart")
BOTH = (
    AWS
    + """
    from streaming_runtime.snapstart import register_after_restore, register_before_snapshot
    register_before_snapshot(said.append, "ours")
    register_after_restore(lambda *, word: said.append(word), word="ours")
"""
)
HANDLER = """
    def handler(event, context):
        return said
"""
ORDER = ["before 2", "before, late", "before 1", "after 1", "after 2"]


def restored(runtime: Runtime, *, status: int = 200) -> None:
    """Waits until the snapshot may be taken, and restores."""
    connection = runtime.accept()
    assert connection.read_request().path == RESTORE_NEXT
    runtime.acknowledge(status)


@pytest.fixture
def aws_library(tmp_path: Path) -> dict[str, str]:
    """AWS's own library where Lambda has it: in /var/runtime, and nowhere else."""
    lent = tmp_path / "lent"
    lent.mkdir()
    (lent / "snapshot_restore_py.py").write_text(Path(snapshot_restore_py.__file__).read_text(encoding="utf-8"), encoding="utf-8")
    return {**SNAP_START, "LAMBDA_RUNTIME_DIR": str(lent)}


@pytest.mark.parametrize(("source", "expected"), [(AWS, ORDER), (OURS, ORDER), (BOTH, ["ours", *ORDER, "ours"])])
def test_hooks_run_last_in_first_out_before_and_in_order_after(
    start: Start, interpreter: str, aws_library: dict[str, str], source: str, expected: list[str]
) -> None:
    runtime = start(source + HANDLER, environment=aws_library, wrapper=True)
    restored(runtime)
    runtime.connection = None
    assert runtime.invoke({}).json == expected


def test_without_awss_library_ours_stands_in(start: Start) -> None:
    runtime = start(OURS + HANDLER, environment=SNAP_START, options=("-S",))
    restored(runtime)
    runtime.connection = None
    assert runtime.invoke({}).json == ORDER


def test_without_snapstart_no_hook_runs(start: Start, aws_library: dict[str, str]) -> None:
    runtime = start(BOTH + HANDLER, environment={**aws_library, "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand"}, wrapper=True)
    assert runtime.invoke({}).json == []


def test_a_handler_without_hooks_is_snapshot_all_the_same(start: Start) -> None:
    runtime = start("def handler(event, context):\n    yield 'ok'", environment=SNAP_START)
    restored(runtime)
    runtime.connection = None
    assert runtime.invoke(url_event()).body == b"ok"


def test_after_the_restore_heartbeats_and_the_deadline_are_kept(start: Start) -> None:
    source = """
        @streaming_handler(dialect="sse")
        def handler(request, context):
            yield Text("x")
            time.sleep(30)
    """
    runtime = start(source, environment={**SNAP_START, "STREAM_HEARTBEAT_SECONDS": "1", "STREAM_DEADLINE_MARGIN_MS": "500"})
    restored(runtime)
    runtime.connection = None
    body = runtime.invoke(url_event(), timeout=2.0).body
    assert b": heartbeat\n\n" in body
    assert b"deadline_exceeded" in body


def test_the_connection_is_made_anew_after_the_restore(start: Start) -> None:
    runtime = start("def handler(event, context):\n    return 1", environment=SNAP_START)
    restored(runtime)
    assert runtime.connection is not None
    assert runtime.connection.is_closed()
    runtime.connection = None
    assert runtime.invoke({}).json == 1


def test_random_has_new_seeds(start: Start) -> None:
    source = """
        import random
        from streaming_runtime import snapstart
        state = []
        snapstart.register_before_snapshot(lambda: (random.seed(7), state.append(random.getstate())))
        snapstart.register_after_restore(lambda: state.append(random.getstate()))
        def handler(event, context):
            return len(state) == 2 and state[0] != state[1]
    """
    runtime = start(source, environment=SNAP_START)
    restored(runtime)
    runtime.connection = None
    assert runtime.invoke({}).json is True


FAILING = """
    from streaming_runtime import snapstart
    @snapstart.{when}
    def hook():
        raise {what}
    def handler(event, context): ...
"""


@pytest.mark.parametrize("what", ["KeyError('secret')", "SystemExit(0)", "KeyboardInterrupt"])
def test_a_hook_that_fails_before_the_snapshot_is_an_init_error(start: Start, what: str) -> None:
    runtime = start(FAILING.format(when="register_before_snapshot", what=what), environment=SNAP_START)
    connection = runtime.accept()
    reply = connection.read_body(connection.read_request())
    runtime.acknowledge()
    code, log = runtime.exit()
    assert (code, reply.path) == (64, "/2018-06-01/runtime/init/error")
    assert reply.headers["lambda-runtime-function-error-type"] == "Runtime.BeforeSnapshotError"
    document = json.loads(reply.raw)
    assert (document["errorType"], document["stackTrace"]) == ("Runtime.BeforeSnapshotError", [])
    assert what.partition("(")[0] in document["errorMessage"]
    assert "secret" not in document["errorMessage"]
    assert "Traceback" in log


def test_a_hook_that_fails_after_the_restore_is_a_restore_error(start: Start) -> None:
    runtime = start(FAILING.format(when="register_after_restore", what="KeyError('secret')"), environment=SNAP_START)
    restored(runtime)
    connection = runtime.accept()
    reply = connection.read_body(connection.read_request())
    runtime.acknowledge()
    code, log = runtime.exit()
    assert (code, reply.path) == (65, "/2018-06-01/runtime/restore/error")
    assert reply.headers["lambda-runtime-function-error-type"] == "Runtime.AfterRestoreError"
    assert "secret" not in json.loads(reply.raw)["errorMessage"]
    assert "KeyError: 'secret'" in log


@pytest.mark.parametrize("how", ["status", "close"])
def test_a_restore_that_does_not_come_is_an_init_error(start: Start, how: str) -> None:
    runtime = start("def handler(event, context): ...", environment=SNAP_START)
    if how == "status":
        restored(runtime, status=500)
    else:
        connection = runtime.accept()
        connection.read_request()
        connection.socket.close()
    connection = runtime.accept()
    reply = connection.read_body(connection.read_request())
    runtime.acknowledge()
    code, log = runtime.exit()
    assert (code, reply.path) == (64, "/2018-06-01/runtime/init/error")
    assert "GET /restore/next" in log


def test_an_error_that_cannot_be_told_ends_the_process_too(start: Start) -> None:
    runtime = start(FAILING.format(when="register_after_restore", what="KeyError()"), environment=SNAP_START)
    restored(runtime)
    runtime.listener.close()
    code, log = runtime.exit()
    assert code == 1
    assert "POST /restore/error" in log


# ---- in this process


class FakeApi:
    """A Runtime API that restores at once."""

    def __init__(self) -> None:
        self.told: list[tuple[str, ...]] = []

    def await_restore(self) -> None:
        self.told.append(("restore",))

    def fail_init(self, *told: str) -> None:
        self.told.append(("init", *told))

    def fail_restore(self, *told: str) -> None:
        self.told.append(("after", *told))


@pytest.fixture
def api() -> Iterator[FakeApi]:
    lists: list[list[Any]] = [
        snapstart._before,
        snapstart._after,
        snapshot_restore_py.get_before_snapshot(),
        snapshot_restore_py.get_after_restore(),
    ]
    assert not any(lists)
    yield FakeApi()
    for one in lists:
        one.clear()


def test_a_decorated_function_stays_what_it_is(api: FakeApi) -> None:
    def hook() -> None: ...

    assert snapstart.register_before_snapshot(hook) is hook
    assert snapstart.register_after_restore(hook) is hook


def test_hooks_without_awss_library_in_this_process(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", None)  # importing it fails
    monkeypatch.delitem(sys.modules, "random")
    monkeypatch.delitem(sys.modules, "streaming_runtime.aws.client", raising=False)
    said: list[str] = []
    for hook in (snapstart.register_before_snapshot, snapstart.register_after_restore):
        hook(said.append, hook.__name__)
    assert snapstart.go_through(api) == 0  # type: ignore[arg-type]
    assert said == ["register_before_snapshot", "register_after_restore"]


def test_connections_and_credentials_do_not_outlive_the_snapshot(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    from streaming_runtime.aws import client

    order: list[str] = []
    monkeypatch.setattr(client, "close_all", lambda: order.append("closed"))
    snapstart.register_before_snapshot(order.append, "hook")
    assert snapstart.go_through(api) == 0  # type: ignore[arg-type]
    assert order == ["hook", "closed"], "a hook may have asked AWS for something"
    assert api.told == [("restore",)]


def test_failures_in_this_process(api: FakeApi) -> None:
    def fail() -> None:
        raise ValueError("secret")

    snapstart.register_after_restore(fail)
    assert snapstart.go_through(api) == 65  # type: ignore[arg-type]
    snapstart.register_before_snapshot(fail)
    assert snapstart.go_through(api) == 64  # type: ignore[arg-type]
    assert [told[0] for told in api.told] == ["restore", "after", "init"]
    assert "secret" not in str(api.told)
