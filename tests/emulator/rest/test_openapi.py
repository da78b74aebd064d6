"""REST APIs that are given as an OpenAPI document, in the template or as an asset."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.rest.test_rest_api import SHOW, STEPS, ask
from tests.emulator.support import REGION, App

if TYPE_CHECKING:
    from pathlib import Path

# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-integration.html


def uri(function: str = "Fn", *, streams: bool = True) -> dict[str, Any]:
    date, how = ("2021-11-15", "response-streaming-invocations") if streams else ("2015-03-31", "invocations")
    parts = [f"arn:aws:apigateway:{REGION}:lambda:path/{date}/functions/", {"Ref": f"{function}Alias"}, f"/{how}"]
    return {"Fn::Join": ["", parts]}


def calling(function: str = "Fn", *, streams: bool = True, **operation: Any) -> dict[str, Any]:
    integration = {"type": "aws_proxy", "httpMethod": "POST", "uri": uri(function, streams=streams)}
    if streams:
        integration |= {"responseTransferMode": "STREAM", "timeoutInMillis": 60_000}
    return {"x-amazon-apigateway-integration": integration, **operation}


SIGNED = {"sigv4": {"type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4"}}


def document(paths: dict[str, Any], **rest: Any) -> dict[str, Any]:
    return {"openapi": "3.0.1", "info": {"title": "Test", "version": "1"}, "paths": paths, **rest}


def shown(emulator, path: str, **options: Any) -> dict[str, Any]:
    response = ask(emulator, path, **options)
    text = response.read()
    assert response.status == 200, text
    return json.loads(text)


def test_each_chunk_arrives_before_the_next_is_written(app: App, emulate, tmp_path: Path) -> None:
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html
    app.function("Fn", STEPS, environment={"FOLDER": str(tmp_path)}, auth=None)
    app.rest_api("Api", {}, Body=document({"/v1/chat": {"post": calling()}}))
    response = ask(emulate(app), "v1/chat", principal=None)
    assert (response.status, response.header("content-type")) == (201, "text/plain")
    for word in ("one", "two", "three"):
        assert response.chunk() == word.encode()
        (tmp_path / word).touch()
    assert response.chunk() == b""


def test_paths_verbs_and_any_are_found(app: App, emulate) -> None:
    app.function("Fn", SHOW, auth=None)
    paths = {"/": {"get": calling()}, "/a/{id}": {"put": calling()}, "/b/{rest+}": {"x-amazon-apigateway-any-method": calling()}}
    app.rest_api("Api", {}, Body=document(paths))
    emulator = emulate(app)
    assert shown(emulator, "", method="GET", principal=None)["resource"] == "/"
    event = shown(emulator, "a/5", method="PUT", principal=None)
    assert (event["resource"], event["pathParameters"]) == ("/a/{id}", {"id": "5"})
    assert shown(emulator, "b/c/d", method="PATCH", principal=None)["pathParameters"] == {"rest": "c/d"}
    assert ask(emulator, "a/5", method="POST", principal=None).status == 403


def test_a_buffered_integration_answers_in_one_piece(app: App, emulate) -> None:
    app.function("Fn", "def handler(event, context):\n    return {'statusCode': 201, 'body': 'whole'}\n", layer=None, auth=None)
    del app.resources["Fn"]["Properties"]["Environment"]["Variables"]["AWS_LAMBDA_EXEC_WRAPPER"]
    app.rest_api("Api", {}, Body=document({"/": {"get": calling(streams=False)}}))
    response = ask(emulate(app), "", method="GET", principal=None)
    assert (response.status, response.header("content-length"), response.read()) == (201, "5", b"whole")


@pytest.mark.parametrize("where", ["operation", "document", "extension"])
def test_signatures_are_asked_for(app: App, emulate, where: str) -> None:
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-authtype.html, ...-extensions-auth.html
    app.function("Fn", SHOW, auth=None)
    components = {"components": {"securitySchemes": SIGNED}}
    asked = [{"sigv4": []}]
    body = {
        "operation": document({"/": {"get": calling(security=asked)}}, **components),
        "document": document({"/": {"get": calling()}}, security=asked, **components),
        "extension": document({"/": {"get": calling(**{"x-amazon-apigateway-auth": {"type": "AWS_IAM"}})}}),
    }[where]
    app.rest_api("Api", {}, Body=body)
    emulator = emulate(app)
    assert ask(emulator, "", method="GET", principal=None).status == 403
    assert ask(emulator, "", method="GET", principal="stranger").status == 403
    assert shown(emulator, "", method="GET")["requestContext"]["identity"]["userArn"]


GUARD = """
def handler(event, context):
    token = event.get("authorizationToken") or event["headers"].get("X-Token", "")
    effect = "Allow" if token == "open" else "Deny"
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}
    return {"principalId": "someone", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}, "context": {"kind": event["type"]}}
"""


@pytest.mark.parametrize("kind", ["token", "request"])
def test_lambda_authorizers_are_asked(app: App, emulate, kind: str) -> None:
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-authorizer.html
    app.function("Fn", SHOW, auth=None)
    app.function("Guard", GUARD, layer=None, auth=None)
    del app.resources["Guard"]["Properties"]["Environment"]["Variables"]["AWS_LAMBDA_EXEC_WRAPPER"]
    app.add(
        "GuardPermission",
        "AWS::Lambda::Permission",
        {"Action": "lambda:InvokeFunction", "FunctionName": {"Ref": "GuardAlias"}, "Principal": "apigateway.amazonaws.com"},
    )
    authorizer = {"type": kind, "authorizerUri": uri("Guard", streams=False), "authorizerResultTtlInSeconds": 0}
    if kind == "request":
        authorizer["identitySource"] = "method.request.header.X-Token"
    scheme = {"type": "apiKey", "name": "X-Token", "in": "header", "x-amazon-apigateway-authtype": "custom"}
    schemes = {"guard": {**scheme, "x-amazon-apigateway-authorizer": authorizer}}
    body = document({"/": {"get": calling(security=[{"guard": []}])}}, components={"securitySchemes": schemes})
    app.rest_api("Api", {}, Body=body)
    emulator = emulate(app)
    assert ask(emulator, "", method="GET", principal=None).status == 401
    assert ask(emulator, "", method="GET", principal=None, headers={"X-Token": "shut"}).status == 403
    context = shown(emulator, "", method="GET", principal=None, headers={"X-Token": "open"})["requestContext"]
    assert (context["authorizer"]["principalId"], context["authorizer"]["kind"]) == ("someone", kind.upper())


def test_a_user_pools_tokens_are_taken(app: App, emulate) -> None:
    app.function("Fn", SHOW, auth=None)
    app.add("Pool", "AWS::Cognito::UserPool", {})
    app.add("Client", "AWS::Cognito::UserPoolClient", {"UserPoolId": {"Ref": "Pool"}})
    scheme = {"type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "cognito_user_pools"}
    authorizer = {"type": "cognito_user_pools", "providerARNs": [{"Fn::GetAtt": ["Pool", "Arn"]}]}
    schemes = {"people": {**scheme, "x-amazon-apigateway-authorizer": authorizer}}
    app.rest_api(
        "Api", {}, Body=document({"/": {"get": calling(security=[{"people": []}])}}, components={"securitySchemes": schemes})
    )
    emulator = emulate(app)
    (row,) = emulator.json()["rest_apis"]
    (tokens,) = row["tokens"]
    assert ask(emulator, "", method="GET", principal=None).status == 401
    event = shown(emulator, "", method="GET", principal=None, headers={"Authorization": tokens["id_token"]})
    assert event["requestContext"]["authorizer"]["claims"]["token_use"] == "id"


def test_requests_are_validated_by_the_documents_models(app: App, emulate) -> None:
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-request-validators.html
    app.function("Fn", SHOW, auth=None)
    operation = calling(
        parameters=[{"name": "q", "in": "query", "required": True}],
        requestBody={"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Question"}}}},
    )
    question = {"type": "object", "required": ["text"], "properties": {"text": {"$ref": "#/components/schemas/Text"}}}
    body = document({"/": {"post": operation}}, components={"schemas": {"Question": question, "Text": {"type": "string"}}})
    body["x-amazon-apigateway-request-validators"] = {"all": {"validateRequestBody": True, "validateRequestParameters": True}}
    body["x-amazon-apigateway-request-validator"] = "all"
    app.rest_api("Api", {}, Body=body)
    emulator = emulate(app)
    assert json.loads(ask(emulator, "", principal=None, body=b'{"text":"x"}').read()) == {
        "message": "Missing required request parameters: [q]"
    }
    for wrong in (b"{}", b'{"text":5}'):
        response = ask(emulator, "?q=1", principal=None, body=wrong)
        assert (response.status, json.loads(response.read())) == (400, {"message": "Invalid request body"})
    assert shown(emulator, "?q=1", principal=None, body=b'{"text":"x"}')["body"] == '{"text":"x"}'


def test_the_documents_own_policy_gateway_responses_binary_types_and_mocks_hold(app: App, emulate) -> None:
    app.function("Fn", SHOW, auth=None)
    preflight = {
        "x-amazon-apigateway-integration": {
            "type": "mock",
            "responses": {"default": {"statusCode": "204", "responseParameters": {"method.response.header.X-Mock": "'yes'"}}},
        }
    }
    body = document({"/open": {"post": calling(), "options": preflight}, "/shut": {"get": calling()}})
    allow = {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*/*/open"}
    body["x-amazon-apigateway-policy"] = {"Version": "2012-10-17", "Statement": [allow]}
    body["x-amazon-apigateway-binary-media-types"] = ["image/*"]
    body["x-amazon-apigateway-gateway-responses"] = {
        "ACCESS_DENIED": {"statusCode": 418, "responseTemplates": {"application/json": '{"mine":true}'}}
    }
    app.rest_api("Api", {}, Body=body)
    emulator = emulate(app)
    event = shown(emulator, "open", principal=None, body=b"\0\xff", headers={"Content-Type": "image/png"})
    assert (event["body"], event["isBase64Encoded"]) == ("AP8=", True)
    response = ask(emulator, "shut", method="GET", principal=None)
    assert (response.status, response.read()) == (418, b'{"mine":true}')
    response = ask(emulator, "open", method="OPTIONS", principal=None)
    assert (response.status, response.header("x-mock")) == (204, "yes")


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_a_document_that_is_an_asset_is_read(app: App, emulate, form: str) -> None:
    app.function("Fn", SHOW, auth=None)
    # What a document of its own cannot say by intrinsics: the function's name is a fixed one.
    app.resources["Fn"]["Properties"]["FunctionName"] = "fixed"
    operation = calling()
    operation["x-amazon-apigateway-integration"]["uri"] = (
        f"arn:aws:apigateway:{REGION}:lambda:path/2021-11-15/functions/arn:aws:lambda:{REGION}:123456789012:function:fixed:live"
        "/response-streaming-invocations"
    )
    text = json.dumps(document({"/asset": {"get": operation}}))
    if form == "yaml":
        text = pytest.importorskip("yaml").safe_dump(json.loads(text))
    file = app.directory / "api.document"
    file.write_text(text)
    location = app._location("ApiDocument", file)
    app.rest_api("Api", {}, BodyS3Location={"Bucket": location["S3Bucket"], "Key": location["S3Key"]})
    assert shown(emulate(app), "asset", method="GET", principal=None)["resource"] == "/asset"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"BodyS3Location": {"Bucket": "elsewhere", "Key": "api.json"}}, "DEFINITION_NOT_HERE"),
        ({"Body": "[1]"}, "DEFINITION_UNREADABLE"),
        ({"Body": document({"/any": {"get": {}}})}, "INTEGRATION_MISSING"),
        ({"Body": document({"/any": {"get": calling(security=[{"nobody": []}])}})}, "SECURITY_UNKNOWN"),
        (
            {
                "Body": document(
                    {"/any": {"get": {"x-amazon-apigateway-integration": {"$ref": "#/x-loop"}}}},
                    **{"x-loop": {"$ref": "#/x-loop"}},
                )
            },
            "REFERENCE_CIRCULAR",
        ),
        (
            {"Body": document({"/any": {"get": {"x-amazon-apigateway-integration": {"type": "http_proxy"}}}})},
            "INTEGRATION_NOT_EMULATED",
        ),
        (
            {
                "Body": document(
                    {"/any": {"get": {"x-amazon-apigateway-integration": {"type": "aws_proxy", "uri": {"Fn::Nope": "x"}}}}}
                )
            },
            "UNRESOLVED_INTRINSIC",
        ),
    ],
)
def test_what_cannot_be_called_here_is_a_500_whose_reason_is_logged(
    app: App, emulate, logs, body: dict[str, Any], reason: str
) -> None:
    app.function("Fn", SHOW, auth=None)
    app.rest_api("Api", {}, **body)
    emulator = emulate(app)
    response = ask(emulator, "any", method="GET", principal=None)
    assert (response.status, json.loads(response.read())) == (500, {"message": "Internal server error"})
    assert logs.having(reason)


def test_openapi_2_0_is_read_too(app: App, emulate) -> None:
    app.function("Fn", SHOW, auth=None)
    operation = calling(
        security=[{"sigv4": []}],
        parameters=[{"name": "body", "in": "body", "schema": {"$ref": "#/definitions/Question"}}],
        **{"x-amazon-apigateway-request-validator": "body"},
    )
    question = {"type": "object", "required": ["text"]}
    body = {
        "swagger": "2.0",
        "paths": {"/": {"post": operation}},
        "definitions": {"Question": question},
        "securityDefinitions": SIGNED,
    }
    body["x-amazon-apigateway-request-validators"] = {"body": {"validateRequestBody": True}}
    app.rest_api("Api", {}, Body=body)
    emulator = emulate(app)
    assert ask(emulator, "", principal=None, body=b'{"text":"x"}').status == 403
    assert ask(emulator, "", body=b"{}").status == 400
    assert ask(emulator, "", body=b'{"text":"x"}').status == 200
