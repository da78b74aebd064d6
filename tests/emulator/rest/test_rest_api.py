"""A REST API whose responses stream: what API Gateway does before the function, and with what comes from it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from constructs_pkg.emulator.rest.throttle import TokenBucket
from tests.emulator.support import Call, call, grant, wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

STEPS = """
import os, time
from streaming_runtime import HttpResponse

def handler(event, context):
    yield HttpResponse(201, {"content-type": "text/plain", "x-mine": "1"}, ["a=1", "b=2"])
    for word in ("one", "two", "three"):
        yield word
        deadline = time.monotonic() + 10
        while not os.path.exists(os.path.join(os.environ["FOLDER"], word)):
            assert time.monotonic() < deadline
            time.sleep(0.002)
"""

SHOW = """
import json
from streaming_runtime import HttpResponse

def handler(event, context):
    yield HttpResponse(200, {"content-type": "application/json"})
    yield json.dumps(event)
"""


def ask(emulator, path: str = "", principal: str | None = "admin", **options: Any) -> Call:
    url = emulator.json()["rest_apis"][0]["url"] + path
    who = None if principal is None else emulator.principals[principal]
    return call(url, who, service="execute-api", **options)


def test_each_chunk_arrives_before_the_next_is_written(app, emulate, tmp_path: Path) -> None:
    app.function("Fn", STEPS, environment={"FOLDER": str(tmp_path)}, auth=None)
    path = app.rest_api("Api", {"POST /v1/chat": {}})
    emulator = emulate(app)
    (row,) = emulator.json()["rest_apis"]
    assert (row["stack"], row["path"]) == ("Test", path)
    assert row["url"].endswith("/prod/")
    response = ask(emulator, "v1/chat")
    assert (response.status, response.header("content-type"), response.header("x-mine")) == (201, "text/plain", "1")
    assert [value for name, value in response.response_headers if name.lower() == "set-cookie"] == ["a=1", "b=2"]
    for word in ("one", "two", "three"):
        assert response.chunk() == word.encode()
        (tmp_path / word).touch()
    assert response.chunk() == b""


def test_the_event_is_the_proxy_integrations(app, emulate) -> None:
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
    app.function("Fn", SHOW, auth=None)
    app.rest_api("Api", {"PUT /v1/{id}/{rest+}": {}}, stage={"Variables": {"colour": "blue"}}, BinaryMediaTypes=["image/*"])
    emulator = emulate(app)
    headers = {"X-Several": "1", "Content-Type": "image/png", "Accept": "text/plain"}
    response = ask(emulator, "v1/a%20b/c/d?x=1&x=2&y=%26", method="PUT", body=b"\0\xff", headers=headers)
    event = json.loads(response.read())
    assert event["resource"] == "/v1/{id}/{rest+}"
    assert (event["path"], event["httpMethod"]) == ("/v1/a%20b/c/d", "PUT")
    assert event["pathParameters"] == {"id": "a%20b", "rest": "c/d"}
    assert event["queryStringParameters"] == {"x": "2", "y": "&"}
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"], "y": ["&"]}
    assert event["stageVariables"] == {"colour": "blue"}
    assert (event["body"], event["isBase64Encoded"]) == ("AP8=", True)
    assert event["headers"]["X-Several"] == "1"
    assert event["multiValueHeaders"]["Accept"] == ["text/plain"]
    assert event["headers"]["Authorization"].startswith("AWS4-HMAC-SHA256")
    context = event["requestContext"]
    assert (context["stage"], context["resourcePath"], context["path"]) == ("prod", "/v1/{id}/{rest+}", "/prod/v1/a%20b/c/d")
    assert context["requestId"] == response.header("x-amzn-requestid")
    assert context["identity"]["userArn"] == emulator.principals["admin"]["arn"]
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    assert context["accountId"] == "123456789012"


def test_nothing_is_null_that_is_there_and_everything_else_is(app, emulate) -> None:
    app.function("Fn", SHOW, auth=None)
    app.rest_api("Api", {"GET /": {"AuthorizationType": "NONE"}})
    event = json.loads(ask(emulate(app), principal=None, method="GET").read())
    for name in ("queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "stageVariables", "body"):
        assert event[name] is None
    assert event["requestContext"]["identity"]["userArn"] is None


@pytest.mark.parametrize("size", [10_485_761, 6_400_000], ids=["for API Gateway", "for Lambda"])
def test_a_body_that_is_too_large_is_413_and_runs_nothing(app, emulate, size: int) -> None:
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
    # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    app.function("Fn", SHOW, auth=None)
    app.rest_api("Api", {"POST /": {"AuthorizationType": "NONE"}})
    emulator = emulate(app)
    response = ask(emulator, principal=None, body=b"x" * size)
    assert (response.status, json.loads(response.read())) == (413, {"message": "Request Entity Too Large"})
    response = ask(emulator, principal=None, body=b"x" * 6_000_000)
    assert response.status == 200


@pytest.fixture
def guarded(app, emulate):
    app.function("Fn", SHOW, auth=None)
    app.rest_api("Api", {"POST /v1/chat": {}, "POST /v1/other": {}})
    may = {"Fn::Sub": "arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/prod/POST/v1/chat"}
    app.role("Caller", grant("execute-api:Invoke", may))
    return emulate(app)


@pytest.mark.parametrize(
    ("who", "path", "status"),
    [
        ("admin", "v1/chat", 200),
        ("Test/Caller", "v1/chat", 200),
        ("Test/Caller", "v1/other", 403),
        ("stranger", "v1/chat", 403),
        ("outsider", "v1/chat", 403),
        (None, "v1/chat", 403),
    ],
)
def test_iam_decides_by_the_methods_arn(guarded, who: str | None, path: str, status: int) -> None:
    assert ask(guarded, path, who).status == status


def test_refusals_are_api_gateways(guarded) -> None:
    unsigned = ask(guarded, "v1/chat", None)
    assert json.loads(unsigned.read()) == {"message": "Missing Authentication Token"}
    assert unsigned.header("x-amzn-errortype") == "MissingAuthenticationTokenException"
    denied = ask(guarded, "v1/chat", "stranger")
    assert denied.header("x-amzn-errortype") == "AccessDeniedException"
    said = json.loads(denied.read())["Message"]
    assert "is not authorized to perform: execute-api:Invoke on resource: arn:aws:execute-api:eu-west-1:********9012:" in said
    wrong = call(guarded.json()["rest_apis"][0]["url"] + "v1/chat", guarded.principals["admin"], service="lambda")
    assert (wrong.status, wrong.header("x-amzn-errortype")) == (403, "InvalidSignatureException")
    assert json.loads(ask(guarded, "nowhere").read()) == {"message": "Missing Authentication Token"}
    assert json.loads(call(guarded.json()["rest_apis"][0]["url"].replace("prod", "beta")).read())["Message"] == "Forbidden"


def test_a_resource_policy_lets_another_account_in_and_shuts_one_address_out(app, emulate) -> None:
    app.function("Fn", SHOW, auth=None)
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": "999999999999"},
                "Action": "execute-api:Invoke",
                "Resource": "execute-api:/prod/POST/open",
            },
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "execute-api:Invoke",
                "Resource": "execute-api:/prod/POST/shut",
                "Condition": {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}},
            },
        ],
    }
    app.rest_api("Api", {"POST /open": {}, "POST /shut": {}}, Policy=policy)
    emulator = emulate(app)
    assert ask(emulator, "open", "outsider").status == 200
    assert ask(emulator, "shut", "outsider").status == 403
    assert json.loads(ask(emulator, "shut", "admin").read())["Message"].endswith("with an explicit deny")


def test_what_a_request_must_have_is_checked_before_the_function(app, emulate, logs) -> None:
    app.function("Fn", SHOW, auth=None)
    app.add(
        "Validator",
        "AWS::ApiGateway::RequestValidator",
        {"RestApiId": {"Ref": "Api"}, "ValidateRequestBody": True, "ValidateRequestParameters": True},
    )
    schema = {"type": "object", "required": ["messages"]}
    app.add("Model", "AWS::ApiGateway::Model", {"RestApiId": {"Ref": "Api"}, "ContentType": "application/json", "Schema": schema})
    needs = {
        "RequestValidatorId": {"Ref": "Validator"},
        "RequestModels": {"$default": {"Ref": "Model"}},
        "RequestParameters": {
            "method.request.querystring.q": True,
            "method.request.header.X-Need": True,
            "method.request.querystring.may": False,
        },
    }
    app.rest_api("Api", {"POST /": needs})
    emulator = emulate(app)
    headers = {"X-Need": "1"}
    missing = ask(emulator, "", body=b'{"messages":[]}')
    assert (missing.status, json.loads(missing.read())["message"]) == (400, "Missing required request parameters: [q, X-Need]")
    for body in (b"", b"{nonsense", b"{}", b"[]"):
        wrong = ask(emulator, "?q=1", body=body, headers=headers)
        assert (wrong.status, json.loads(wrong.read())) == (400, {"message": "Invalid request body"})
    assert logs.having("messages is missing")
    assert not logs.having("START RequestId")
    assert ask(emulator, "?q=1", body=b'{"messages":[]}', headers=headers).status == 200


def test_requests_beyond_the_stages_limit_are_429(app, emulate) -> None:
    app.function("Fn", SHOW, auth=None)
    setting = {"ResourcePath": "/*", "HttpMethod": "*", "ThrottlingRateLimit": 0.001, "ThrottlingBurstLimit": 2}
    app.rest_api("Api", {"POST /": {}}, stage={"MethodSettings": [setting]})
    emulator = emulate(app)
    answers = [ask(emulator) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert json.loads(answers[2].read()) == {"message": "Too Many Requests"}
    assert answers[2].header("x-amzn-errortype") == "TooManyRequestsException"


def test_a_method_can_have_a_limit_of_its_own(app, emulate) -> None:
    app.function("Fn", SHOW, auth=None)
    setting = {"ResourcePath": "/~1v1~1chat", "HttpMethod": "POST", "ThrottlingRateLimit": 0.001, "ThrottlingBurstLimit": 1}
    app.rest_api("Api", {"POST /v1/chat": {}, "POST /v1/other": {}}, stage={"MethodSettings": [setting]})
    emulator = emulate(app)
    assert [ask(emulator, "v1/chat").status for _ in range(2)] == [200, 429]
    assert [ask(emulator, "v1/other").status for _ in range(2)] == [200, 200]


def test_a_bucket_fills_up_again() -> None:
    bucket = TokenBucket(rate=10, burst=2)
    assert [bucket.take(0.0) for _ in range(3)] == [True, True, False]
    assert [bucket.take(0.15) for _ in range(2)] == [True, False]
    assert [bucket.take(60.0) for _ in range(3)] == [True, True, False]


def test_errors_have_the_form_that_the_api_gives_them(app, emulate) -> None:
    app.function("Fn", SHOW, auth=None)
    app.rest_api("Api", {"POST /": {}})
    template = '{"error":{"code":"$context.error.responseType","message":$context.error.messageString,"id":"$context.requestId"}}'
    properties = {
        "RestApiId": {"Ref": "Api"},
        "ResponseType": "DEFAULT_4XX",
        "ResponseParameters": {"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"},
        "ResponseTemplates": {"application/json": template},
    }
    app.add("Answer", "AWS::ApiGateway::GatewayResponse", properties)
    own = {"RestApiId": {"Ref": "Api"}, "ResponseType": "MISSING_AUTHENTICATION_TOKEN", "StatusCode": "404"}
    app.add("Missing", "AWS::ApiGateway::GatewayResponse", own)
    emulator = emulate(app)
    denied = ask(emulator, "", "stranger")
    error = json.loads(denied.read())["error"]
    assert (denied.status, error["code"], error["id"]) == (403, "ACCESS_DENIED", denied.header("x-amzn-requestid"))
    assert denied.header("access-control-allow-origin") == "*"
    assert ask(emulator, "nowhere").status == 404


def test_preflight_is_answered_by_the_mock_that_cdk_writes(app, emulate) -> None:
    app.function("Fn", SHOW, auth=None)
    response = {
        "StatusCode": "204",
        "ResponseParameters": {"method.response.header.Access-Control-Allow-Origin": "'https://a.example'"},
    }
    mock = {"AuthorizationType": "NONE", "Integration": {"Type": "MOCK", "IntegrationResponses": [response]}}
    app.rest_api("Api", {"POST /": {}, "OPTIONS /": mock})
    answer = ask(emulate(app), "", None, method="OPTIONS")
    assert (answer.status, answer.header("access-control-allow-origin")) == (204, "https://a.example")


def test_without_its_permission_api_gateway_cannot_call_the_function(app, emulate, logs) -> None:
    app.function("Fn", SHOW, auth=None)
    app.rest_api("Api", {"POST /": {}}, permission=False)
    answer = ask(emulate(app))
    assert (answer.status, json.loads(answer.read())) == (500, {"message": "Internal server error"})
    assert logs.having("API Gateway may not call the function")


def test_a_role_can_call_in_api_gateways_place(app, emulate) -> None:
    app.function("Fn", SHOW, auth=None)
    app.role("Gateway", grant("lambda:InvokeFunction", {"Ref": "FnAlias"}))
    app.rest_api("Api", {"POST /": {"Integration": {"Credentials": {"Fn::GetAtt": ["Gateway", "Arn"]}}}}, permission=False)
    assert ask(emulate(app)).status == 200


@pytest.fixture
def by_hand(app, emulate):
    """A function that speaks the Runtime API itself, behind a REST API."""

    def made(script: str, *, streams: bool = True, integration: Mapping[str, Any] | None = None, **options: Any):
        app.by_hand("Fn", script, auth=None, **options)
        app.rest_api("Api", {"POST /": {"Integration": dict(integration or {})}}, streams=streams)
        return emulate(app)

    return made


@pytest.mark.parametrize(
    "script",
    [
        'event = api.next()\napi.request("POST", f"invocation/{api.id}/response", b\'{"statusCode":200}\')\napi.next()',
        'event = api.next()\napi.begin()\napi.chunk(b"{nonsense" + bytes(8))\napi.end()\napi.next()',
        'event = api.next()\napi.begin()\napi.chunk(b"x" * 20000)\napi.end()\napi.next()',
        "event = api.next()\napi.begin()\napi.chunk(b'{\"statusCode\":200}')\napi.end()\napi.next()",
        'event = api.next()\napi.request("POST", f"invocation/{api.id}/error", b\'{"errorType":"E","errorMessage":"m"}\')\napi.next()',
    ],
    ids=["not streamed", "no JSON", "no delimiter", "ends early", "error"],
)
def test_what_is_no_stream_with_metadata_is_502(by_hand, script: str) -> None:
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html#response-transfer-mode-lambda-format
    answer = ask(by_hand(script))
    assert (answer.status, json.loads(answer.read())) == (502, {"message": "Internal server error"})


def test_a_failure_after_the_head_leaves_the_response_without_its_end(by_hand) -> None:
    script = 'event = api.next()\napi.begin()\napi.chunk(b\'{"statusCode":200}\' + bytes(8) + b"one")\nos._exit(1)'
    assert ask(by_hand(script)).chunks() == ([b"one"], False)


def test_an_answer_that_is_late_is_504_and_the_function_runs_on(by_hand, tmp_path: Path) -> None:
    done = tmp_path / "done"
    script = f"""
event = api.next()
time.sleep(0.6)
api.begin()
api.chunk(b'{{"statusCode":200}}' + bytes(8) + b"late")
open({str(done)!r}, "w").write(str(api.end()[0]))
api.next()
"""
    started = time.monotonic()
    answer = ask(by_hand(script, integration={"TimeoutInMillis": 200}))
    assert (answer.status, json.loads(answer.read())) == (504, {"message": "Endpoint request timed out"})
    assert time.monotonic() - started < 5
    wait_for(lambda: done.exists() and done.read_text() == "202")


def test_a_stream_that_falls_silent_is_cut(by_hand) -> None:
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html: 5 minutes, 30 s for edge-optimized APIs.
    script = "event = api.next()\napi.begin()\napi.chunk(b'{\"statusCode\":200}' + bytes(8) + b'one')\ntime.sleep(60)"
    emulator = by_hand(script)
    (front,) = emulator._rest_fronts
    assert front.idle_seconds == 300
    front.idle_seconds = 2.0  # longer than a cold start takes, which counts
    assert ask(emulator).chunks() == ([b"one"], False)


def test_a_buffered_integration_answers_in_one_piece(by_hand) -> None:
    script = """
event = api.next()
document = {"statusCode": 201, "headers": {"X-One": "1"},
    "multiValueHeaders": {"Set-Cookie": ["a", "b"]}, "body": "AAE=", "isBase64Encoded": True}
api.request("POST", f"invocation/{api.id}/response", json.dumps(document).encode())
api.next()
"""
    answer = ask(by_hand(script, streams=False))
    assert (answer.status, answer.header("x-one"), answer.header("content-length"), answer.read()) == (201, "1", "2", b"\0\1")
    assert [value for name, value in answer.response_headers if name == "Set-Cookie"] == ["a", "b"]


def test_a_buffered_answer_with_a_field_too_many_is_502(by_hand) -> None:
    script = 'event = api.next()\napi.request("POST", f"invocation/{api.id}/response", b\'{"statusCode":200,"cookies":[]}\')\napi.next()'
    assert ask(by_hand(script, streams=False)).status == 502


def test_lambdas_throttling_is_a_server_error(app, emulate) -> None:
    app.function("Fn", SHOW, auth=None, ReservedConcurrentExecutions=0)
    app.rest_api("Api", {"POST /": {}})
    assert ask(emulate(app)).status == 500


def test_a_method_that_asks_for_an_api_key_is_refused_with_the_reason(app, emulate, logs) -> None:
    app.function("Fn", SHOW, auth=None)
    app.rest_api("Api", {"POST /": {"ApiKeyRequired": True}})
    assert ask(emulate(app)).status == 403
    assert logs.having("API_KEY_NOT_EMULATED")


def test_environments_and_outputs_name_an_api_by_where_it_is_here(app, emulate) -> None:
    code = "import os\ndef handler(event, context):\n    yield os.environ['API']\n"
    app.function("Fn", SHOW, auth=None)
    app.rest_api("Api", {"GET /v1": {}})
    host = "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/prod/"
    app.function("Caller", code, environment={"API": {"Fn::Sub": host}})
    app.outputs["Url"] = {"Value": {"Fn::Sub": host}}
    emulator = emulate(app)
    (row,) = emulator.json()["rest_apis"]
    assert call(emulator.urls["Test/Caller"], emulator.principals["admin"]).read().decode() == row["url"]
    assert emulator.outputs == {"Test": {"Url": row["url"]}}
