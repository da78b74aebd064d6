"""The Runtime API and the rules of a response, with clients of it written by hand.

Sources are named at what they are about; where there is none, the test says what this emulator does.
"""

from __future__ import annotations

import base64
import json
import time

import pytest

from tests.emulator.support import call, wait_for


@pytest.fixture
def run(app, emulate):
    """Runs a hand-written client of the Runtime API, and calls it."""

    def made(script: str, *, path: str = "", body: bytes = b"", **options):
        function = app.by_hand("Fn", script, **options)
        emulator = emulate(app)
        made.emulator = emulator
        return call(emulator.urls[function] + path, emulator.principals["admin"], body=body)

    return made


def test_next_tells_what_lambda_tells(run) -> None:
    # Headers: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-next; Invocation-Id: AWS's Node client 4.0.2.
    response = run("""
event = api.next()
api.begin("application/json")
api.chunk(json.dumps(api.headers).encode())
api.end()
api.next()
""")
    headers = json.loads(response.read())
    assert headers["lambda-runtime-aws-request-id"] == response.header("x-amzn-RequestId")
    assert headers["lambda-runtime-invoked-function-arn"].endswith(":live")
    assert headers["lambda-runtime-trace-id"].startswith("Root=1-")
    assert headers["lambda-runtime-invocation-id"]
    assert 5_000 < int(headers["lambda-runtime-deadline-ms"]) - time.time() * 1000 <= 10_000


NULS = bytes(8)
PRELUDE = b'{"statusCode":201,"headers":{"Content-Type":"text/plain","X-One":"1"},"cookies":["a=1","b=2; Path=/"]}' + NULS


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_the_prelude_is_found_however_it_is_cut(run, size: int) -> None:
    response = run(f"""
event = api.next()
api.begin()
wire = {PRELUDE + b"body" + NULS + b"more"!r}
for start in range(0, len(wire), {size}):
    api.chunk(wire[start : start + {size}])
api.end()
api.next()
""")
    assert response.status == 201
    assert response.header("content-type") == "text/plain"
    assert response.header("x-one") == "1"
    assert [value for name, value in response.response_headers if name.lower() == "set-cookie"] == ["a=1", "b=2; Path=/"]
    # Only the first eight NULs divide.
    assert response.read() == b"body" + b"\0" * 8 + b"more"


def test_status_and_headers_reach_the_caller_before_any_body(run) -> None:
    response = run(f"""
event = api.next()
api.begin()
api.chunk({PRELUDE!r})
time.sleep(60)
""")
    # `call` has read the head; no body was ever written.
    assert response.status == 201


def test_a_stream_without_a_prelude_is_passed_on_with_its_own_type(run) -> None:
    response = run("""
event = api.next()
api.begin("text/csv")
api.chunk(b"a,b")
api.end()
api.next()
""")
    assert (response.status, response.header("content-type"), response.read()) == (200, "text/csv", b"a,b")


def test_a_stream_without_a_type_is_octets(run) -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
    response = run("""
event = api.next()
api.begin(None)
api.chunk(b"a,b")
api.end()
api.next()
""")
    assert (response.header("content-type"), response.read()) == ("application/octet-stream", b"a,b")


def test_headers_that_lambda_keeps_for_itself_are_remapped(run) -> None:
    prelude = {"statusCode": 200, "headers": {"Connection": "close", "Content-Length": "3", "Date": "today", "X-Mine": "1"}}
    response = run(f"""
event = api.next()
api.begin()
api.chunk({json.dumps(prelude).encode() + NULS!r} + b"four")
api.end()
api.next()
""")
    assert response.read() == b"four"
    assert response.header("x-amzn-remapped-content-length") == "3"
    assert response.header("x-amzn-remapped-connection") == "close"
    assert response.header("x-amzn-remapped-date") == "today"
    assert response.header("x-mine") == "1"


@pytest.mark.parametrize(
    "metadata", [b"{nonsense", b"[1]", b'{"statusCode":"often"}', b'{"headers":{"a b":"c"}}', b'{"headers":{"a":"x\\r\\ny"}}']
)
def test_a_prelude_that_cannot_be_used_is_502(run, logs, metadata: bytes) -> None:
    response = run(f"""
event = api.next()
api.begin()
api.chunk({metadata + NULS + b"body"!r})
api.end()
api.next()
""")
    assert (response.status, response.read()) == (502, b"Internal Server Error")
    assert logs.having("BAD_RESPONSE")


def test_a_stream_that_ends_within_its_prelude_is_502(run) -> None:
    response = run("""
event = api.next()
api.begin()
api.chunk(b'{"statusCode":200}')
api.end()
api.next()
""")
    assert response.status == 502


def test_error_trailers_cut_the_response(run) -> None:
    # What a URL's caller sees is documented nowhere; see url_response.py for the reports that this follows.
    body = base64.b64encode(b'{"errorType":"Function.Boom","errorMessage":"boom"}').decode()
    response = run(f"""
event = api.next()
api.begin("text/plain")
api.chunk(b"one")
print("acknowledged", api.end(Lambda_Runtime_Function_Error_Type="Function.Boom", Lambda_Runtime_Function_Error_Body="{body}")[0])
api.next()
""")
    chunks, complete = response.chunks()
    assert (chunks, complete) == ([b"one"], False)


def test_error_trailers_before_any_body_are_502(run) -> None:
    response = run("""
event = api.next()
api.begin()
api.end(Lambda_Runtime_Function_Error_Type="Function.Boom", Lambda_Runtime_Function_Error_Body="e30=")
api.next()
""")
    assert (response.status, response.read()) == (502, b"Internal Server Error")


def test_a_posted_error_is_502_and_the_environment_goes_on(run) -> None:
    response = run(
        """
while True:
    event = api.next()
    if event["rawPath"] == "/bad":
        assert api.request("POST", f"invocation/{api.id}/error", b'{"errorType":"Boom","errorMessage":"boom"}')[0] == 202
    else:
        api.request("POST", f"invocation/{api.id}/response", str(os.getpid()).encode())
""",
        path="bad",
    )
    assert (response.status, response.read()) == (502, b"Internal Server Error")
    emulator = run.emulator
    pids = {call(emulator.urls["Test/Fn"], emulator.principals["admin"]).read() for _ in range(3)}
    assert len(pids) == 1


def test_a_response_that_was_not_streamed_reaches_a_streaming_url_as_it_is(run) -> None:
    # LocalStack's test_lambda_url_echo_invoke[RESPONSE_STREAM], validated on AWS: the caller gets the whole document.
    document = b'{"statusCode": 418, "body": "hello"}'
    response = run(f"""
event = api.next()
api.request("POST", f"invocation/{{api.id}}/response", {document!r})
api.next()
""")
    assert (response.status, response.header("content-type"), response.read()) == (200, "application/json", document)


@pytest.mark.parametrize(
    ("payload", "status", "content_type", "body"),
    [
        (b'{"hello":"world"}', 200, "application/json", b'{"hello":"world"}'),
        (b'{"statusCode": 200, "body": "body123"}', 200, "application/json", b"body123"),
        (b'{"statusCode": "418", "body": "i\'m a teapot"}', 418, "application/json", b"i'm a teapot"),
        (
            b'{"statusCode": 200, "headers": {"content-type": "image/x"}, "body": "AAE=", "isBase64Encoded": true}',
            200,
            "image/x",
            b"\0\1",
        ),
        (b'"hello"', 200, "application/json", b"hello"),
        (b'["hello",3,true]', 200, "application/json", b'["hello",3,true]'),
    ],
)
def test_a_buffered_url_interprets_the_payload(run, payload: bytes, status: int, content_type: str, body: bytes) -> None:
    # LocalStack's snapshots of test_lambda_url_invocation and test_lambda_url_headers_and_status, taken on AWS.
    response = run(
        f"""
event = api.next()
api.request("POST", f"invocation/{{api.id}}/response", {payload!r})
api.next()
""",
        mode="BUFFERED",
    )
    assert (response.status, response.header("content-type"), response.read()) == (status, content_type, body)


def test_a_buffered_url_gathers_a_stream(run) -> None:
    response = run(
        f"""
event = api.next()
api.begin()
api.chunk({PRELUDE!r} + b"one")
api.chunk(b"two")
api.end()
api.next()
""",
        mode="BUFFERED",
    )
    assert (response.status, response.header("content-length"), response.read()) == (201, "6", b"onetwo")


def test_a_stale_attempt_is_gone_and_the_current_one_is_not_harmed(run) -> None:
    response = run("""
event = api.next()
stale = api.request("POST", f"invocation/{api.id}/response", b"stale", Lambda_Runtime_Invocation_Id="another")[0]
unknown = api.request("POST", "invocation/unknown/response", b"unknown")[0]
early = Api().request("GET", "invocation/next")[0]
body = json.dumps([stale, unknown, early]).encode()
api.request("POST", f"invocation/{api.id}/response", body, Lambda_Runtime_Invocation_Id=api.headers["lambda-runtime-invocation-id"])
again = api.request("POST", f"invocation/{api.id}/response", b"again")[0]
print("again", again)
api.next()
""")
    assert json.loads(response.read()) == [410, 400, 403]


def test_a_timeout_before_the_first_byte_is_502_and_the_environment_is_replaced(run, logs) -> None:
    # 502 for a timeout: awslabs/route53-dynamic-dns-with-lambda#56. The words: LocalStack's test_lambda_runtime_exit_segfault, on AWS.
    script = """
event = api.next()
if event["rawPath"] == "/hang":
    time.sleep(60)
api.request("POST", f"invocation/{api.id}/response", b"fine")
api.next()
"""
    started = time.monotonic()
    response = run(script, path="hang", Timeout=1)
    assert (response.status, response.read()) == (502, b"Internal Server Error")
    assert 0.9 < time.monotonic() - started < 4
    assert logs.having("Task timed out after 1.00 seconds")
    emulator = run.emulator
    assert call(emulator.urls["Test/Fn"], emulator.principals["admin"]).read() == b"fine"


def test_a_timeout_in_the_middle_of_a_stream_cuts_it(run) -> None:
    started = time.monotonic()
    response = run(
        """
event = api.next()
api.begin("text/plain")
api.chunk(b"one")
time.sleep(60)
""",
        Timeout=1,
    )
    assert response.chunks() == ([b"one"], False)
    assert time.monotonic() - started < 4


def test_a_caller_that_leaves_does_not_stop_the_function(run, tmp_path, logs) -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html; aws-lambda-nodejs-runtime-interface-client#145.
    done = tmp_path / "done"
    response = run(f"""
event = api.next()
api.begin("text/plain")
api.chunk(b"one")
while not os.path.exists({str(tmp_path / "left")!r}):
    time.sleep(0.002)
for _ in range(300):
    api.chunk(b"x" * 65536)
status = api.end()[0]
open({str(done)!r}, "w").write(str(status))
api.next()
""")
    assert response.chunk() == b"one"
    response.close()
    (tmp_path / "left").touch()
    wait_for(lambda: done.exists() and done.read_text() == "202")


def test_a_slow_reader_holds_the_function_back(run, tmp_path) -> None:
    # Nothing is lost, and what lies between function and reader stays bounded.
    written = tmp_path / "written"
    response = run(f"""
event = api.next()
api.begin("application/octet-stream")
for n in range(1200):
    api.chunk(bytes([n % 251]) * 65536)
    open({str(written)!r}, "w").write(str(n))
api.end()
api.next()
""")
    time.sleep(1.0)
    assert int(written.read_text()) < 1000, "79 MB are written though nobody reads"
    body = response.read()
    assert len(body) == 1200 * 65536
    assert body[::65536] == bytes(n % 251 for n in range(1200))


def test_init_errors_reach_the_caller_of_invoke(app, emulate) -> None:
    from tests.emulator.test_failures import lambda_client

    app.by_hand(
        "Fn",
        """
api.request("POST", "init/error", b'{"errorType":"Runtime.NoModule","errorMessage":"no module"}')
sys.exit(1)
""",
    )
    emulator = emulate(app)
    result = lambda_client(emulator).invoke(FunctionName=emulator.json()["functions"][0]["function_name"])
    assert result["FunctionError"] == "Unhandled"
    assert json.loads(result["Payload"].read()) == {"errorType": "Runtime.NoModule", "errorMessage": "no module"}
