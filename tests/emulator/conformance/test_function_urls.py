"""Function URLs: what goes in and what comes out, as AWS documents it and its clients see it. Each test names its source."""

from __future__ import annotations

import base64
import datetime as dt
import http.client
import json
import time

import pytest

# https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html
STREAMING = ("Streaming", "Native")


@pytest.mark.parametrize("function", STREAMING)
def test_what_is_written_first_arrives_before_the_rest_is_written(ask, function: str) -> None:
    # configuration-response-streaming: partial responses are sent as they become available.
    answer = ask(function, "/slow")
    pieces = list(answer.pieces())
    assert b"".join(piece for _, piece in pieces) == b"onetwo"
    assert pieces[0][1] == b"one"
    assert pieces[-1][0] - pieces[0][0] > 1.0, "the handler pauses for 1.5 s between the two"


@pytest.mark.parametrize("function", STREAMING)
def test_metadata_becomes_status_headers_and_cookies(ask, function: str) -> None:
    # configuration-response-streaming, HttpResponseStream.from: statusCode, headers, cookies
    answer = ask(function, "/head")
    assert (answer.status, answer.header("content-type"), answer.header("x-mine")) == (201, "text/csv", "1")
    assert answer.all("set-cookie") == ["a=1; Path=/", "b=2"]
    assert answer.header("transfer-encoding") == "chunked"
    assert answer.header("x-amzn-requestid")
    assert answer.read() == (b"row\n" if function == "Streaming" else b"onetwo")


def test_a_stream_without_a_type_is_bytes(ask) -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming: application/octet-stream
    assert ask("Native", "/").header("content-type") == "application/octet-stream"


def test_a_stream_has_the_type_that_it_sets(ask) -> None:
    # configuration-response-streaming: responseStream.setContentType
    answer = ask("Native", "/csv")
    assert (answer.status, answer.header("content-type"), answer.read()) == (200, "text/csv", b"onetwo")


@pytest.mark.parametrize("function", STREAMING)
def test_an_error_before_the_first_byte_is_an_error_status_that_tells_nothing(ask, function: str) -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/urls-monitoring.html: an error of the function is a 5xx of the URL.
    answer = ask(function, "/before")
    assert answer.status in (500, 502)
    assert b"secret" not in answer.read()


@pytest.mark.parametrize("function", STREAMING)
def test_an_error_in_the_middle_leaves_the_answer_without_its_end(ask, function: str) -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming: midstream errors; the status has
    # gone out, so that nothing but a missing end can tell. What the body holds beside the first chunk is the runtime's.
    answer = ask(function, "/after")
    assert answer.status == 200
    with pytest.raises(http.client.IncompleteRead) as cut:
        answer.read()
    assert cut.value.partial.startswith(b"one")
    assert b"secret" not in cut.value.partial


def test_a_process_that_ends_before_the_first_byte_is_502(ask) -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html, troubleshooting: 502 where the function gives no answer
    assert ask("Streaming", "/exit").status == 502
    assert ask("Streaming", "/").read() == b"hello", "the next call has an environment again"


def test_an_answer_without_a_body_has_none(ask) -> None:
    answer = ask("Streaming", "/nothing")
    assert (answer.status, answer.read()) == (204, b"")


def event_of(ask, path: str = "/echo", function: str = "Streaming", **options) -> dict:
    return ask(function, path, **options).json()


@pytest.mark.parametrize("function", ["Streaming", "Buffered"])
def test_the_event_has_payload_format_2_0(ask, target, function: str) -> None:
    # urls-invocation.html#urls-request-payload
    headers = {"Content-Type": "application/json", "ExTrA-HeadErs": "With WeiRd CapS", "User-Agent": "conformance/1"}
    event = event_of(ask, "/echo/1?q=a%20b&multi=foo&multi=%2Fbar&empty=", function, body='{"ä":1}'.encode(), headers=headers)
    context = event["requestContext"]
    assert (event["version"], event["routeKey"], context["routeKey"], context["stage"]) == (
        "2.0",
        "$default",
        "$default",
        "$default",
    )
    assert event["rawPath"] == context["http"]["path"] == "/echo/1"
    assert event["rawQueryString"] == "q=a%20b&multi=foo&multi=%2Fbar&empty="
    assert event["queryStringParameters"] == {"q": "a b", "multi": "foo,/bar", "empty": ""}
    assert event["headers"]["extra-headers"] == "With WeiRd CapS"
    assert all(name == name.lower() for name in event["headers"])
    assert event["headers"]["host"] == context["domainName"]
    assert event["headers"]["x-amzn-trace-id"].startswith("Root=1-")
    assert event["headers"]["x-forwarded-for"]
    assert (event["body"], event["isBase64Encoded"]) == ('{"ä":1}', False)
    assert (context["http"]["method"], context["http"]["protocol"]) == ("POST", "HTTP/1.1")
    assert context["http"]["userAgent"] == "conformance/1"
    assert context["http"]["sourceIp"]
    assert abs(context["timeEpoch"] / 1000 - time.time()) < 300
    assert dt.datetime.strptime(context["time"], "%d/%b/%Y:%H:%M:%S %z")
    assert context["apiId"] == context["domainPrefix"]
    assert "cookies" not in event
    assert "pathParameters" not in event or event["pathParameters"] is None


def test_the_event_names_who_signed(ask, target) -> None:
    # urls-invocation.html#urls-request-payload: requestContext.authorizer.iam
    authorizer = event_of(ask)["requestContext"]["authorizer"]["iam"]
    assert {"accessKey", "accountId", "callerId", "userArn", "userId"} <= set(authorizer)
    assert authorizer["accessKey"] == target.session.get_credentials().access_key
    assert authorizer["accountId"] == target.outputs["StrangerRole"].split(":")[4]


def test_cookies_are_a_list_of_their_own(ask) -> None:
    # urls-invocation.html#urls-request-payload
    assert event_of(ask, headers={"Cookie": "a=1; b=2"})["cookies"] == ["a=1", "b=2"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_every_method_arrives(ask, method: str) -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
    assert event_of(ask, method=method)["requestContext"]["http"]["method"] == method


def test_a_body_that_is_no_text_is_base64(ask) -> None:
    # urls-invocation.html#urls-request-payload: isBase64Encoded
    body = bytes(range(256))
    event = event_of(ask, body=body, headers={"Content-Type": "application/octet-stream"})
    assert (event["isBase64Encoded"], base64.b64decode(event["body"])) == (True, body)


def test_a_body_above_6_megabytes_is_refused(ask) -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 6 MB for a synchronous request
    assert ask("Streaming", "/echo", body=b"x" * (6 * 1024 * 1024 + 1), headers={"Content-Type": "text/plain"}).status == 413


def test_what_a_buffered_function_returns_is_understood(ask) -> None:
    # urls-invocation.html#urls-response-payload: what has no statusCode is a body, 200, application/json
    answer = ask("Buffered", "/document")
    assert (answer.status, answer.header("content-type"), answer.json()) == (200, "application/json", {"message": "hello"})
    assert ask("Buffered", "/number").read() == b"5"
    answer = ask("Buffered", "/shape")
    assert (answer.status, answer.header("content-type"), answer.header("x-mine")) == (201, "text/csv", "1")
    assert answer.all("set-cookie") == ["a=1; Path=/", "b=2"]
    assert answer.header("content-length") == "4"
    assert answer.read() == b"row\n"


def test_a_base64_body_of_a_buffered_function_is_decoded(ask) -> None:
    # urls-invocation.html#urls-response-payload: isBase64Encoded
    assert ask("Buffered", "/binary").read() == bytes(range(256))


def test_a_buffered_function_that_raises_is_502(ask) -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/urls-monitoring.html
    answer = ask("Buffered", "/raise")
    assert (answer.status, answer.read()) == (502, b"Internal Server Error")


@pytest.mark.parametrize("function", ["Streaming", "Buffered"])
def test_one_who_does_not_sign_is_refused(ask, function: str) -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html; the body: https://github.com/awsdocs/aws-lambda-developer-guide/issues/494
    answer = ask(function, "/echo", signed=False)
    assert (answer.status, answer.header("x-amzn-errortype")) == (403, "AccessDeniedException")
    assert set(answer.json()) == {"Message"}


def test_one_without_rights_is_refused(ask, target) -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
    answer = ask("Streaming", "/echo", session=target.stranger())
    assert (answer.status, answer.header("x-amzn-errortype")) == (403, "AccessDeniedException")


def test_a_signature_that_does_not_fit_is_refused(ask) -> None:
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
    def tampered(headers: dict[str, str]) -> None:
        headers["Authorization"] = headers["Authorization"][:-4] + "0000"

    answer = ask("Streaming", "/echo", change=tampered)
    assert (answer.status, answer.header("x-amzn-errortype")) == (403, "InvalidSignatureException")
    assert answer.json()["message"].startswith("The request signature we calculated does not match")


def test_a_signature_of_yesterday_is_refused(ask, monkeypatch: pytest.MonkeyPatch) -> None:
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html: signatures hold for 5 minutes
    from botocore import auth

    now = auth.get_current_datetime
    monkeypatch.setattr(auth, "get_current_datetime", lambda *args, **options: now(*args, **options) - dt.timedelta(days=1))
    answer = ask("Streaming", "/echo")
    assert (answer.status, answer.header("x-amzn-errortype")) == (403, "InvalidSignatureException")
    assert answer.json()["message"].startswith("Signature expired: ")


def test_an_environment_is_as_lambda_makes_it(ask, target) -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime, lambda-runtime-environment.html
    seen = ask("Streaming", "/look").json()
    variables = seen["variables"]
    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == target.name("Streaming")
    assert variables["AWS_LAMBDA_FUNCTION_VERSION"].isdecimal()
    assert variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert variables["AWS_REGION"] == target.region
    assert (variables["TZ"], variables["_HANDLER"], variables["COLOUR"]) == (":UTC", "index.handler", "blue")
    assert variables["AWS_LAMBDA_INITIALIZATION_TYPE"] == "on-demand"
    assert seen["arn"].endswith(f":function:{target.name('Streaming')}:live")
    assert 0 < seen["left"] <= 10_000
    assert seen["cwd"] == variables["LAMBDA_TASK_ROOT"]
    if variables["LAMBDA_TASK_ROOT"] != "/var/task":
        pytest.skip("Lambda's paths are not real ones on this machine; the rest of this test held")
    assert (seen["file"], variables["LAMBDA_RUNTIME_DIR"]) == ("/var/task/index.py", "/var/runtime")
    assert not seen["writes_to_task"]


def test_an_environment_is_used_again(ask) -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html: state and /tmp stay between calls
    first, second = (ask("Streaming", "/look").json() for _ in range(2))
    if first["calls"] >= second["calls"]:
        pytest.skip("the second call came to another environment, which Lambda does not rule out")
    assert second["tmp"] == first["tmp"] + 1
    assert json.dumps(first["request_id"]) != json.dumps(second["request_id"])
