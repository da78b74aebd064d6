"""Nothing internal reaches a caller in any dialect, and neither prompts nor answers are in the log unless the author writes them there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from streaming_runtime.dialects import MODULES
from tests.runtime.neutral_api import Reply, rest_event, url_event

if TYPE_CHECKING:
    from tests.runtime.conftest import Start

INSIDE = "inside-word"
PROMPT = "prompt-word"
ANSWER = "answer-word"
ASKED = json.dumps({"model": "m", "stream": True, "messages": [PROMPT]})
WHOLE = json.dumps({"model": "m", "messages": [PROMPT]})


def handler(dialect: str, body: str) -> str:
    indented = "".join(f"    {line}\n" for line in body.split("\n"))
    helper = f"def inner():\n    {INSIDE.replace('-', '_')} = '{INSIDE}'\n    raise KeyError({INSIDE.replace('-', '_')})\n\n"
    return f"{helper}@streaming_handler(dialect={dialect!r})\ndef handler(request, context):\n{indented}"


FAULTS = {
    "internal": f"yield Internal({{'t': '{INSIDE}'}}, 'trace')\nyield Text('x')\nyield Internal('{INSIDE}')",
    "internal at the end": f"yield Text('x')\nyield Finish()\nyield Internal('{INSIDE}')",
    "raises": "inner()\nyield",
    "raises late": "yield Text('x')\ninner()",
    "raises from": "yield Text('x')\ntry:\n    inner()\nexcept KeyError as error:\n    raise RuntimeError('inside-word') from error",
    "expected, from": "try:\n    inner()\nexcept KeyError as error:\n    raise ModelError('It failed.') from error\nyield",
    "expected late, from": "yield Text('x')\ntry:\n    inner()\nexcept KeyError as error:\n    raise ModelError('It failed.') from error",
    "not an event": f"yield Text('x')\nyield {{'{INSIDE}': 1}}",
    "not json": f"yield Text('x')\nyield Data({{'a': {{'{INSIDE}'}}}})",
    "after the end": f"yield Text('x')\nyield Finish()\nyield Text('{INSIDE}')",
    "cannot close": "try:\n    yield Text('x')\n    yield 7\nfinally:\n    inner()",
    "deadline": "import time\nyield Text('x')\ntime.sleep(9)",
}  # fmt: skip


def assert_nothing_internal(reply: Reply) -> None:
    trailers = json.dumps(reply.trailer_error)
    for inside in (INSIDE, "Traceback", "index.py", 'File "', "line ", "inner"):
        assert inside.encode() not in reply.raw
        assert inside not in trailers
    if reply.trailer_error is not None:
        assert reply.trailer_error["stackTrace"] == []


@pytest.mark.parametrize("dialect", MODULES)
@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_internal_reaches_the_caller(start: Start, dialect: str, fault: str) -> None:
    runtime = start(handler(dialect, FAULTS[fault]))
    timeout = 1.2 if fault == "deadline" else 10.0
    events: tuple[Any, ...] = (
        url_event("POST", body=ASKED),
        url_event("POST", body=WHOLE),
        rest_event("POST", body=ASKED),
        {"m": 1},
    )
    for event in events[: 1 if fault == "deadline" else None]:
        assert_nothing_internal(runtime.invoke(event, timeout=timeout))


@pytest.mark.parametrize(
    "body", ["raise KeyError('inside-word')", "yield {'inside-word'}", "yield 'x'\nraise KeyError('inside-word')"]
)
@pytest.mark.parametrize("event", [url_event(), {}])
def test_nor_from_a_handler_without_a_dialect(start: Start, body: str, event: Any) -> None:
    indented = "".join(f"    {line}\n" for line in body.split("\n"))
    assert_nothing_internal(start(f"def handler(event, context):\n{indented}").invoke(event))


LOGGED = {
    "completes": f"yield Text('{ANSWER}')\nyield Internal('{ANSWER}')\nyield Finish('stop', Usage(1, 2))",
    "bytes": f"yield '{ANSWER}'.encode()",
    "data": f"yield Data({{'a': '{ANSWER}'}})",
    "fails": f"yield Text('{ANSWER}')\nraise ValueError('a bug')",
    "refuses": "request.json()\nraise BadRequest('No.')\nyield",
    "wrong type": f"yield Text('{ANSWER}')\nyield {{'{ANSWER}': request.json()}}",
    "too late": f"yield Text('{ANSWER}')\nyield HttpResponse(200, {{'x': '{ANSWER}'}})",
    "deadline": f"yield Text('{ANSWER}')\ntime.sleep(9)",
}  # fmt: skip


@pytest.mark.parametrize("case", LOGGED)
@pytest.mark.parametrize("log_format", ["JSON", "Text"])
def test_neither_prompts_nor_answers_are_in_the_log(start: Start, case: str, log_format: str) -> None:
    # A traceback shows lines of source, and no values.
    source = LOGGED[case].replace(f"'{ANSWER}'", "'-'.join(['answer', 'word'])")
    runtime = start(
        handler("sse", source),
        environment={
            "AWS_LAMBDA_LOG_FORMAT": log_format,
            "AWS_LAMBDA_LOG_LEVEL": "TRACE",
            "AWS_LAMBDA_FUNCTION_NAME": "f",
        },
    )
    reply = runtime.invoke(url_event("POST", body=ASKED), timeout=1.2 if case == "deadline" else 10)
    assert (ANSWER.encode() in reply.raw) == (case != "refuses")
    runtime.await_next()
    log = runtime.log()
    assert "StreamingLambda" in log, "the record is there"
    assert PROMPT not in log
    assert ANSWER not in log


@pytest.mark.parametrize("body", [b'{"a": "prompt-word', b'"prompt-word" x'])
def test_nor_is_a_prompt_that_cannot_be_read(start: Start, body: bytes) -> None:
    runtime = start(handler("openai-chat", "request.json()\nyield"), environment={"AWS_LAMBDA_LOG_LEVEL": "TRACE"})
    assert runtime.invoke(url_event("POST", body=body.decode())).status == 400
    assert runtime.invoke(body=body).is_error
    runtime.await_next()
    assert PROMPT not in runtime.log()


def test_what_the_author_prints_is_in_the_log(start: Start) -> None:
    runtime = start(handler("sse", "print(request.json()['messages'])\nyield Text('x')"))
    runtime.invoke(url_event("POST", body=ASKED))
    assert PROMPT in runtime.log()
