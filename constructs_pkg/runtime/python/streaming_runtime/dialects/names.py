"""What dialects whose frames carry the answer's names share: id, model and time, and how `Start` changes them."""

from __future__ import annotations

from streaming_runtime.dialects import base
from streaming_runtime.events import Start, compact_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from streaming_runtime.request import Request

EVENT_STREAM = "text/event-stream; charset=utf-8"
COMMENT = b": heartbeat\n\n"


class NamedEncoder(base.Encoder):
    """Reads the model from the request; the handler may name the answer by `Start`, until the first frame is written."""

    content_type = EVENT_STREAM
    heartbeat = COMMENT

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.headers = base.HEADERS
        self._asked = request.json_object_or_empty()
        model = self._asked.get("model")
        self._key = request.id.replace("-", "")
        self._id = ""
        self._model = model if isinstance(model, str) else "unknown"
        self._created = int(request.received_at)
        self._begun = False

    def go_on(self) -> None:
        """Leaves the first frames out."""
        self._begun = True

    def start(self, event: Start) -> bytes:
        """Takes the answer's names."""
        if self._begun:
            raise ValueError("START_TOO_LATE: found Start after the first chunk; allowed: before it; yield Start first")
        self._id = event.id or self._id
        self._model = event.model or self._model
        self._created = self._created if event.created is None else event.created
        return b""

    def _answer_whole(self) -> None:
        """The request did not ask for a stream: one document, which a reader must not take for one."""
        self.content_type = "application/json"
        self.name = ""
        self.headers = {}
        self.heartbeat = b""


def data_frame(value: object) -> bytes:
    """A server-sent event without a name."""
    return b"data: %b\n\n" % compact_json(value)


def named_frame(value: dict[str, Any]) -> bytes:
    """A server-sent event named after its `type`."""
    return b"event: %b\ndata: %b\n\n" % (str(value["type"]).encode(), compact_json(value))
