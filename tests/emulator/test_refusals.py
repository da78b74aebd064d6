"""Who must be refused is refused in AWS's own form, and the handler does not run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.emulator.support import ACCOUNT, App, Call, call, grant, sign

if TYPE_CHECKING:
    from pathlib import Path

COUNTING = """
import os

def handler(event, context):
    with open(os.environ["COUNTER"], "a") as file:
        file.write("x")
    yield "hello"
"""

URL_ARN = {"Fn::Join": ["", [{"Fn::GetAtt": ["Fn", "Arn"]}, ":live"]]}
VIA_URL = {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}
IAM_ONLY = {"StringEquals": {"lambda:FunctionUrlAuthType": "AWS_IAM"}}


@pytest.fixture
def counter(tmp_path: Path) -> Path:
    return tmp_path / "counter"


@pytest.fixture
def emulator(app: App, emulate, counter: Path):
    app.function("Fn", COUNTING, environment={"COUNTER": str(counter)})
    url_grant = grant("lambda:InvokeFunctionUrl", URL_ARN, **IAM_ONLY)
    function_grant = grant("lambda:InvokeFunction", URL_ARN, **VIA_URL)
    app.role("Granted", url_grant, function_grant)
    app.role("OnlyUrl", url_grant)
    app.role("OnlyFunction", function_grant)
    return emulate(app)


def assert_refused(response: Call, counter: Path) -> None:
    assert response.status == 403
    assert response.header("x-amzn-ErrorType")
    assert response.header("x-amzn-RequestId")
    assert response.header("content-type") == "application/json"
    document = json.loads(response.read())
    assert set(document) <= {"Message", "message"}
    assert len(document) == 1
    assert not counter.exists(), "the handler ran"


def test_a_caller_with_both_permissions_is_served(emulator, counter: Path) -> None:
    response = call(emulator.urls["Test/Fn"], emulator.principals["Test/Granted"])
    assert (response.status, response.read()) == (200, b"hello")
    assert counter.read_text() == "x"


def test_no_signature_is_refused(emulator, counter: Path) -> None:
    response = call(emulator.urls["Test/Fn"])
    assert_refused(response, counter)
    assert response.header("x-amzn-ErrorType") == "AccessDeniedException"


def test_a_wrong_key_is_refused(emulator, counter: Path) -> None:
    wrong = {**emulator.principals["admin"], "secret_access_key": "wrong"}
    response = call(emulator.urls["Test/Fn"], wrong)
    assert_refused(response, counter)


def test_an_expired_date_is_refused(emulator, counter: Path) -> None:
    url, admin = emulator.urls["Test/Fn"], emulator.principals["admin"]
    headers = sign(url, admin)
    # Ten years ago, signed as such.
    import botocore.auth as auth

    real = auth.get_current_datetime
    auth.get_current_datetime = lambda remove_tzinfo=True: real(remove_tzinfo).replace(year=2016, month=1, day=1)
    try:
        headers = sign(url, admin)
    finally:
        auth.get_current_datetime = real
    assert headers["X-Amz-Date"].startswith("2016")
    response = Call(url, "POST", b"", headers)
    response.head()
    assert_refused(response, counter)


def test_a_tampered_body_is_refused(emulator, counter: Path) -> None:
    url = emulator.urls["Test/Fn"]
    headers = sign(url, emulator.principals["admin"], body=b'{"n":1}')
    response = Call(url, "POST", b'{"n":2}', headers)
    response.head()
    assert_refused(response, counter)


def test_a_caller_without_a_grant_is_refused(emulator, counter: Path) -> None:
    assert_refused(call(emulator.urls["Test/Fn"], emulator.principals["stranger"]), counter)


def test_a_caller_of_another_account_without_the_resource_policy_is_refused(emulator, counter: Path) -> None:
    assert_refused(call(emulator.urls["Test/Fn"], emulator.principals["outsider"]), counter)


@pytest.mark.parametrize("role", ["Test/OnlyUrl", "Test/OnlyFunction"])
def test_a_caller_with_one_of_the_two_permissions_is_refused(emulator, counter: Path, role: str) -> None:
    assert_refused(call(emulator.urls["Test/Fn"], emulator.principals[role]), counter)


def test_a_caller_of_another_account_with_the_resource_policy_is_served(app: App, emulate, counter: Path) -> None:
    app.function("Fn", COUNTING, environment={"COUNTER": str(counter)})
    permission = {"FunctionName": {"Ref": "FnAlias"}, "Principal": "999999999999"}
    emulator = emulate_outsider(app, emulate, permission)
    response = call(emulator.urls["Test/Fn"], emulator.principals["outsider"])
    assert (response.status, response.read()) == (200, b"hello")


def emulate_outsider(app: App, emulate, permission):
    from constructs_pkg.assembly import CloudAssembly
    from constructs_pkg.emulator.iam import Principals  # the outsider's account is the principals' choice

    account = Principals.from_assembly(CloudAssembly.load(app.write())).outsider.account
    assert account != ACCOUNT
    permission = {**permission, "Principal": account}
    app.add(
        "UrlPermission",
        "AWS::Lambda::Permission",
        {**permission, "Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "AWS_IAM"},
    )
    app.add(
        "FnPermission",
        "AWS::Lambda::Permission",
        {**permission, "Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": True},
    )
    return emulate(app)


def test_a_url_without_auth_still_needs_its_public_permissions(app: App, emulate, counter: Path) -> None:
    app.function("Fn", COUNTING, environment={"COUNTER": str(counter)}, auth="NONE")
    assert_refused(call(emulate(app).urls["Test/Fn"]), counter)


def test_an_open_url_serves_anonymous_callers(app: App, emulate, counter: Path) -> None:
    app.function("Fn", COUNTING, environment={"COUNTER": str(counter)}, auth="NONE")
    permission = {"FunctionName": {"Ref": "FnAlias"}, "Principal": "*"}
    app.add(
        "UrlPermission",
        "AWS::Lambda::Permission",
        {**permission, "Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"},
    )
    app.add(
        "FnPermission",
        "AWS::Lambda::Permission",
        {**permission, "Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": True},
    )
    response = call(emulate(app).urls["Test/Fn"])
    assert (response.status, response.read()) == (200, b"hello")
