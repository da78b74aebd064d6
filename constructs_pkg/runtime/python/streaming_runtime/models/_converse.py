"""Converse's events, which are Amazon Nova's own too, into ours. Pure.

Sources: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamOutput.html and
https://docs.aws.amazon.com/nova/latest/userguide/using-invoke-api.html
"""

from __future__ import annotations

from streaming_runtime.events import Finish, Internal, Text, Usage

from ._translation import ToolCalls, reason_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._translation import Chunks, Translation

_INTERNAL_KINDS = {"reasoningContent": "reasoning"}


def translate(events: Chunks) -> Translation:
    """Text as it comes; reasoning, tool calls and traces as Internal; last a Finish.

    Raises:
        ModelError: The stream ended without a stop reason, or with one that says that the answer is of no use.
    """
    reason: str | None = None
    usage: Usage | None = None
    tools = ToolCalls()
    for event in events:
        if "contentBlockDelta" in event:
            block = event["contentBlockDelta"]
            for kind, value in block["delta"].items():
                if kind == "text":
                    yield Text(value)
                elif kind == "toolUse":
                    yield Internal(tools.add(block.get("contentBlockIndex"), value.get("input", "")), "tool_use_delta")
                else:
                    yield Internal(value, _INTERNAL_KINDS.get(kind, kind))
        elif "contentBlockStart" in event:
            block = event["contentBlockStart"]
            if "toolUse" in block.get("start", ()):
                tools.begin(block.get("contentBlockIndex"), block["start"]["toolUse"])
        elif "contentBlockStop" in event:
            call = tools.end(event["contentBlockStop"].get("contentBlockIndex"))
            if call is not None:
                yield Internal(call, "tool_use")
        elif "messageStop" in event:
            stop = event["messageStop"]
            reason = str(stop["stopReason"])
            if stop.get("additionalModelResponseFields"):
                yield Internal(stop["additionalModelResponseFields"], "additional_model_response_fields")
        elif "metadata" in event:
            metadata = event["metadata"]
            usage = _usage(metadata.get("usage"))
            if metadata.get("trace"):
                yield Internal(metadata["trace"], "trace")
    yield Finish(reason_of(reason), usage)


def _usage(counted: dict[str, Any] | None) -> Usage | None:
    return Usage(int(counted["inputTokens"]), int(counted["outputTokens"])) if counted else None
