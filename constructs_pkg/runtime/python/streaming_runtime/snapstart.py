"""What a function does around the snapshot that SnapStart takes of it: hooks before it is taken, and after it is restored.

    from streaming_runtime import snapstart

    @snapstart.register_after_restore
    def reconnect(): ...

AWS's own `snapshot_restore_py`, which lies beside the managed runtimes, works too: hooks of both are run, in one order. Where it is
missing (in a test, in an image), this module stands in for it.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html and, for the protocol, the stock client
(awslambdaric, lambda_runtime_hooks_runner.py).
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias, TypeVar

    from .transport import RuntimeApi

    Function = TypeVar("Function", bound=Callable[..., Any])
    Hook: TypeAlias = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]

BEFORE_SNAPSHOT_EXIT = 64
AFTER_RESTORE_EXIT = 65
_AWS_LIBRARY = "snapshot_restore_py"

_before: list[Hook] = []
_after: list[Hook] = []


def register_before_snapshot(func: Function, *args: Any, **kwargs: Any) -> Function:
    """Has `func(*args, **kwargs)` called before the snapshot is taken; of several, the last registered first.

    Returns:
        The function, so that this can be used as a decorator.
    """
    library = _library()
    if library is None:
        _before.append((func, args, kwargs))
    else:
        library.register_before_snapshot(func, *args, **kwargs)
    return func


def register_after_restore(func: Function, *args: Any, **kwargs: Any) -> Function:
    """Has `func(*args, **kwargs)` called after each restore, before the first invocation; of several, the first registered first.

    What was open before the snapshot may be gone: connections, credentials that were fetched, whatever was drawn at random once. Python's
    own `random` has new seeds by then.

    Returns:
        The function, so that this can be used as a decorator.
    """
    library = _library()
    if library is None:
        _after.append((func, args, kwargs))
    else:
        library.register_after_restore(func, *args, **kwargs)
    return func


def go_through(api: RuntimeApi) -> int:
    """Runs the hooks, and waits for the restore between them.

    Returns:
        0; or the code to exit with when a hook or the Runtime API failed, which has been logged and told then.

    Raises:
        TransportError: A failure could not be told.
    """
    from . import logs

    try:
        _run_before_snapshot()
        api.await_restore()
    except BaseException as error:  # noqa: BLE001 - whatever a hook raises, SystemExit too, the snapshot must not be taken
        logs.log_exception(error)
        api.fail_init("Runtime.BeforeSnapshotError", _told("before the snapshot", error))
        return BEFORE_SNAPSHOT_EXIT
    try:
        _run_after_restore()
    except BaseException as error:  # noqa: BLE001 - as above: a function that is half restored must not serve
        logs.log_exception(error)
        api.fail_restore("Runtime.AfterRestoreError", _told("after the restore", error))
        return AFTER_RESTORE_EXIT
    return 0


def _run_before_snapshot() -> None:
    for registered in (_before, _library_hooks("get_before_snapshot")):
        while registered:  # one may register another
            function, args, kwargs = registered.pop()
            function(*args, **kwargs)
    called = sys.modules.get("streaming_runtime.aws.client")
    if called is not None:
        called.close_all()  # after the hooks, which may have asked AWS for something


def _run_after_restore() -> None:
    drawn = sys.modules.get("random")
    if drawn is not None:
        drawn.seed()  # every environment restored from one snapshot would draw the same numbers
    for registered in (_library_hooks("get_after_restore"), _after):
        for function, args, kwargs in registered:
            function(*args, **kwargs)


def _library() -> Any:
    """AWS's library; None where it is missing."""
    try:
        import snapshot_restore_py
    except ImportError:
        return None
    return snapshot_restore_py


def _library_hooks(getter: str) -> list[Hook]:
    """The library's own list; empty where nobody has loaded it."""
    library: Any = sys.modules.get(_AWS_LIBRARY)
    hooks: list[Hook] = [] if library is None else getattr(library, getter)()
    return hooks


def _told(when: str, error: BaseException) -> str:
    return f"A hook or the Runtime API failed {when}: {type(error).__name__}; the log has the traceback"
