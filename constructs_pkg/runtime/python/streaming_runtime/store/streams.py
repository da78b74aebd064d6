"""The table as the server sees it: one for a process, and a visit for each request."""

from __future__ import annotations

import json

from streaming_runtime.logs import log
from streaming_runtime.request import Request

from . import callers
from .errors import StoreRefused, StoreUnavailable
from .ids import new_stream
from .keeper import Subject
from .table import Table
from .visits import Cancellation, OwnStream, Resumption
from .worker import Worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from streaming_runtime.dialects.base import Encoder
    from streaming_runtime.handler import Handler
    from streaming_runtime.invocation import Invocation
    from streaming_runtime.settings import Settings

    from .table import Call
    from .visits import Visit

CANCEL_HEADER = "x-stream-id"
# A direct invocation has no headers; what they would say stands in the client context's `custom`.
CUSTOM_RESUME, CUSTOM_CANCEL = "last-event-id", "cancel-stream"
_STREAMED = {"stream": True}  # the request that makes an encoder one for a stream


class Streams:
    """The streams of one process.

    Args:
        settings: With a table.
    """

    def __init__(self, settings: Settings) -> None:
        self._retention = settings.store_retention
        self._slots = settings.store_streams_per_caller
        self._caller: Call | None = None
        self._table = Table(settings.store_table, self._call)
        self._told_of_sharing = False
        self._worker = Worker(self._warm_up)

    def visit(self, handler: Handler, request: Request, invocation: Invocation, encoder: Encoder) -> Visit | None:
        """What a request means; None where the table has nothing to do with it.

        Args:
            handler: What serves requests. It is decorated.
            request: What was asked.
            invocation: It came with.
            encoder: For the handler's own answer.
        """
        dialect = handler.dialect
        assert dialect is not None

        def owner() -> str:
            return self._owner(handler, request, invocation)

        if dialect.name:
            custom = {} if request.is_http else _custom(invocation)
            headers: dict[str, Any] = request.headers if request.is_http else {}
            cancelled = headers.get(CANCEL_HEADER) if request.method == "DELETE" else custom.get(CUSTOM_CANCEL)
            if cancelled is not None:
                return Cancellation(encoder, self._table, owner, str(cancelled))
            seen = headers.get("last-event-id", custom.get(CUSTOM_RESUME))
            if seen:  # empty is none: https://html.spec.whatwg.org/multipage/server-sent-events.html#the-last-event-id-header
                streaming = dialect.encoder(Request(_STREAMED, request.id, request.received_at))
                return Resumption(request, streaming, self._table, owner, str(seen))
        named = bool(encoder.name)  # a whole answer has none, and is not known before it is over
        if not named and self._slots is None:
            return None
        subject = Subject(
            new_stream(),
            named=named,
            kept=named and handler.resumable,
            dialect=encoder.name,
            slots=self._slots,
            over_at=invocation.deadline_ms / 1000,
            retention=self._retention,
        )
        return OwnStream(request, encoder, self._table, self._worker, subject, owner)

    def _owner(self, handler: Handler, request: Request, invocation: Invocation) -> str:
        named = None if handler.caller is None else handler.caller(request)
        caller = callers.caller_of(request, named, _object(invocation.cognito_identity).get("cognitoIdentityId"))
        if self._slots is not None and callers.is_shared(caller) and not self._told_of_sharing:
            self._told_of_sharing = True
            log(
                "WARN",
                "STORE_SHARED_CALLER: found callers whom nothing tells apart, and they share one bound on streams; "
                "name them with streaming_handler(caller=...)",
            )
        return callers.owner_of(caller)

    def _warm_up(self) -> None:
        """Makes the first connection while the function starts, and learns early where the table cannot be used."""
        try:
            self._table.is_cancelled("warm-up")
        except StoreRefused as error:
            log("ERROR", f"STORE_REFUSED: streams are neither kept nor bounded: {error}")
        except StoreUnavailable as error:
            log("WARN", f"STORE_UNAVAILABLE: {error}")

    def _call(self, action: str, parameters: dict[str, Any]) -> dict[str, Any] | None:
        if self._caller is None:
            from .dynamodb import caller  # imports TLS: in the worker's thread, as a rule, while the function starts

            self._caller = caller()
        return self._caller(action, parameters)


def _custom(invocation: Invocation) -> dict[str, Any]:
    return _object(_object(invocation.client_context).get("custom"))


def _object(value: object) -> dict[str, Any]:
    """A JSON object; empty for anything else, which the handler may complain of."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}
