"""Methods that ask an authorizer: a Lambda function, or a user pool."""

from __future__ import annotations

import json
import time

import pytest

from constructs_pkg.emulator.rest.tokens import TokenRefused, UserPool
from tests.emulator.support import REGION, call

SHOW = """
import json
from streaming_runtime import HttpResponse

def handler(event, context):
    yield HttpResponse(200, {"content-type": "application/json"})
    yield json.dumps(event["requestContext"]["authorizer"])
"""

AUTHORIZER = """
import json

def handler(event, context):
    token = event.get("authorizationToken") or event["headers"]["X-Auth"]
    if token == "nobody":
        raise Exception("Unauthorized")
    if token == "broken":
        return {"nonsense": True}
    print("asked for", token)
    effect = {"allow": "Allow", "deny": "Deny"}.get(token, "Allow")
    arn = event["methodArn"] if token != "elsewhere" else "arn:aws:execute-api:*:*:other/*"
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": arn}
    return {"principalId": "me", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
            "context": {"text": "a", "number": 1, "truth": True, "type": event["type"]}}
"""


@pytest.fixture
def guarded(app, emulate):
    pytest.importorskip("awslambdaric")

    def made(permission: bool = True, **properties):
        app.function("Fn", SHOW, auth=None)
        app.function("Auth", AUTHORIZER, layer=None, auth=None)
        del app.resources["Auth"]["Properties"]["Environment"]["Variables"]["AWS_LAMBDA_EXEC_WRAPPER"]
        uri = [f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/", {"Fn::GetAtt": ["Auth", "Arn"]}, "/invocations"]
        app.add(
            "Authorizer",
            "AWS::ApiGateway::Authorizer",
            {"RestApiId": {"Ref": "Api"}, "Name": "a", "Type": "TOKEN", "AuthorizerUri": {"Fn::Join": ["", uri]}, **properties},
        )
        if permission:
            source = {"Fn::Sub": "arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/authorizers/${Authorizer}"}
            grant = {"Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com", "SourceArn": source}
            app.add("AuthPermission", "AWS::Lambda::Permission", {"FunctionName": {"Fn::GetAtt": ["Auth", "Arn"]}, **grant})
        app.rest_api("Api", {"POST /": {"AuthorizationType": "CUSTOM", "AuthorizerId": {"Ref": "Authorizer"}}})
        return emulate(app)

    return made


def ask(emulator, token: str | None, header: str = "Authorization"):
    return call(emulator.json()["rest_apis"][0]["url"], headers={header: token} if token else {})


def test_what_the_authorizer_tells_reaches_the_function(guarded) -> None:
    answer = ask(guarded(), "allow")
    assert answer.status == 200
    told = json.loads(answer.read())
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html: values become text
    assert {name: told[name] for name in ("principalId", "text", "number", "truth", "type")} == {
        "principalId": "me",
        "text": "a",
        "number": "1",
        "truth": "true",
        "type": "TOKEN",
    }


@pytest.mark.parametrize(
    ("token", "status", "document"),
    [
        (None, 401, {"message": "Unauthorized"}),
        ("nobody", 401, {"message": "Unauthorized"}),
        ("deny", 403, {"Message": "User is not authorized to access this resource with an explicit deny"}),
        ("elsewhere", 403, {"Message": "User is not authorized to access this resource"}),
        ("broken", 500, {"message": "Internal server error"}),
    ],
)
def test_refusals_are_api_gateways(guarded, token: str | None, status: int, document: dict[str, str]) -> None:
    answer = ask(guarded(), token)
    assert (answer.status, json.loads(answer.read())) == (status, document)


def test_an_answer_is_kept_as_long_as_the_template_says(guarded, logs) -> None:
    emulator = guarded(AuthorizerResultTtlInSeconds=300)
    assert [ask(emulator, token).status for token in ("allow", "allow", "deny", "deny")] == [200, 200, 403, 403]
    assert (len(logs.having("asked for allow")), len(logs.having("asked for deny"))) == (1, 1)


def test_an_answer_is_not_kept_where_the_template_says_so(guarded, logs) -> None:
    emulator = guarded(AuthorizerResultTtlInSeconds=0)
    assert [ask(emulator, "allow").status for _ in range(2)] == [200, 200]
    assert len(logs.having("asked for allow")) == 2


def test_a_token_that_does_not_match_the_pattern_is_not_even_asked_about(guarded, logs) -> None:
    emulator = guarded(IdentityValidationExpression="^a")
    assert [ask(emulator, token).status for token in ("allow", "deny")] == [200, 401]
    assert not logs.having("asked for deny")


def test_a_request_authorizer_gets_the_request(guarded) -> None:
    emulator = guarded(Type="REQUEST", IdentitySource="method.request.header.X-Auth")
    answer = ask(emulator, "allow", "X-Auth")
    assert json.loads(answer.read())["type"] == "REQUEST"
    assert ask(emulator, "allow").status == 401


def test_without_its_permission_the_authorizer_cannot_be_asked(guarded, logs) -> None:
    assert ask(guarded(permission=False), "allow").status == 500
    assert logs.having("API Gateway may not call the function")


@pytest.fixture
def pooled(app, emulate):
    def made(**method):
        app.function("Fn", SHOW, auth=None)
        app.add("Pool", "AWS::Cognito::UserPool", {})
        app.add("Client", "AWS::Cognito::UserPoolClient", {"UserPoolId": {"Ref": "Pool"}, "AllowedOAuthScopes": ["chat/write"]})
        arns = [{"Fn::GetAtt": ["Pool", "Arn"]}]
        app.add(
            "Authorizer",
            "AWS::ApiGateway::Authorizer",
            {"RestApiId": {"Ref": "Api"}, "Name": "a", "Type": "COGNITO_USER_POOLS", "ProviderARNs": arns},
        )
        options = {"AuthorizationType": "COGNITO_USER_POOLS", "AuthorizerId": {"Ref": "Authorizer"}, **method}
        app.rest_api("Api", {"POST /": options})
        return emulate(app)

    return made


def test_a_user_pools_method_takes_the_token_that_the_emulator_shows(pooled) -> None:
    emulator = pooled()
    (tokens,) = emulator.json()["rest_apis"][0]["tokens"]
    answer = ask(emulator, f"Bearer {tokens['id_token']}")
    assert answer.status == 200
    claims = json.loads(answer.read())["claims"]
    assert claims["token_use"] == "id"
    assert claims["cognito:username"] == "emulator"
    assert ask(emulator, tokens["access_token"]).status == 401


def test_a_scope_asks_for_an_access_token_that_has_it(pooled) -> None:
    emulator = pooled(AuthorizationScopes=["chat/write"])
    (tokens,) = emulator.json()["rest_apis"][0]["tokens"]
    assert ask(emulator, tokens["access_token"]).status == 200
    assert ask(emulator, tokens["id_token"]).status == 401


@pytest.mark.parametrize("token", [None, "nonsense", "a.b.c"])
def test_any_other_token_is_401_and_the_log_says_why(pooled, logs, token: str | None) -> None:
    answer = ask(pooled(), token)
    assert (answer.status, json.loads(answer.read())) == (401, {"message": "Unauthorized"})
    assert logs.having("is missing") or logs.having("the token does not hold")


def test_a_token_expires() -> None:
    now = time.time()
    pool = UserPool(
        "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_a", clients=("c",), scopes=(), now=now - 13 * 3600
    )
    with pytest.raises(TokenRefused, match="expired"):
        pool.claims(pool.id_token, scopes=(), now=now)
