"""The root logger's handler. Imported only once the function itself has imported `logging`."""

from __future__ import annotations

import json
import logging
import time

from . import logs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "aws_request_id", "tenant_id", "taskName"}


class LambdaHandler(logging.Handler):
    """Writes records as the stock client does, so that nobody's log queries break."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one record; one that cannot be written is `logging`'s own business."""
        try:
            record.aws_request_id = logs.state.request_id
            logs.write(self.format(record), record.levelno)
        except Exception:  # noqa: BLE001 - as every handler of `logging` does: a bad log line must not fail the function
            self.handleError(record)


class JsonFormatter(logging.Formatter):
    """One JSON object a record, with the stock client's field names."""

    def format(self, record: logging.LogRecord) -> str:
        """Formats one record."""
        fields: dict[str, Any] = {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": logging.getLevelName(min(max(record.levelno, 0), 50) // 10 * 10),
            "message": record.msg if isinstance(record.msg, dict) and not record.args else record.getMessage(),
            "logger": record.name,
            "requestId": logs.state.request_id,
        }
        if logs.state.tenant_id:
            fields["tenantId"] = logs.state.tenant_id
        if record.exc_info and record.exc_info[0] is not None:
            import traceback

            fields["stackTrace"] = traceback.format_tb(record.exc_info[2])
            fields["errorType"] = record.exc_info[0].__name__
            fields["errorMessage"] = str(record.exc_info[1])
            fields["location"] = f"{record.pathname}:{record.funcName}:{record.lineno}"
        extra = {name: value for name, value in vars(record).items() if name not in _OWN and name not in fields}
        return _encode({**extra, **fields})


class TextFormatter(logging.Formatter):
    """A line a record, with the stock client's columns."""

    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__("[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """Formats one record, in one line where newlines would cut it."""
        text = super().format(record)
        return text if logs.state.descriptor is not None else text.replace("\n", "\r")


def install() -> None:
    """Puts the handler on the root logger, and the level that Lambda asks for."""
    handler = LambdaHandler()
    handler.setFormatter(JsonFormatter() if logs.state.json else TextFormatter())
    root = logging.getLogger()
    root.addHandler(handler)
    if logs.state.level in logs.LEVELS:
        root.setLevel(logs.LEVELS[logs.state.level])


def _encode(fields: dict[str, Any]) -> str:
    return json.dumps(fields, ensure_ascii=False, default=str, separators=(",", ":"))
