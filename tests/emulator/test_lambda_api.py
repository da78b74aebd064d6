"""Lambda's own API, asked by boto3: which function a reference names, who is told that there is none, and the tail of the log."""

from __future__ import annotations

import base64
import json

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.emulator.support import ACCOUNT, REGION, grant

HANDLER = """
def handler(event, context):
    print("a word of the function's own")
    if event.get("fail"):
        raise ValueError("no")
    yield "hello"
"""


@pytest.fixture
def emulator(app, emulate):
    app.function("Fn", HANDLER, auth=None)
    app.role("Caller", grant("lambda:InvokeFunction", {"Fn::GetAtt": ["Fn", "Arn"]}))
    return emulate(app)


@pytest.fixture
def name(emulator) -> str:
    return emulator.json()["functions"][0]["function_name"]


def lambda_client(emulator, principal: str = "admin", region: str = REGION):
    who = emulator.principals[principal]
    return boto3.client(
        "lambda",
        region_name=region,
        endpoint_url=emulator.lambda_endpoint,
        aws_access_key_id=who["access_key_id"],
        aws_secret_access_key=who["secret_access_key"],
        aws_session_token=who["session_token"],
        config=Config(retries={"max_attempts": 0}),
    )


def refusal(client, **request) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as refused:
        client.invoke(**request)
    answer = refused.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


@pytest.mark.parametrize("principal", ["admin", "stranger", "Test/Caller"])
def test_that_there_is_no_such_function_is_told_to_those_who_may_invoke_it(emulator, principal: str) -> None:
    # https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors; rights are looked at first, so that nobody
    # without them learns what there is.
    status, code, message = refusal(lambda_client(emulator, principal), FunctionName="nothing-of-the-kind")
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:nothing-of-the-kind"
    if principal == "admin":
        assert (status, code, message) == (404, "ResourceNotFoundException", f"Function not found: {arn}")
    else:
        assert (status, code) == (403, "AccessDeniedException")
        assert f"is not authorized to perform: lambda:InvokeFunction on resource: {arn}" in message


def test_an_unknown_qualifier_is_not_found(emulator, name: str) -> None:
    status, code, message = refusal(lambda_client(emulator), FunctionName=name, Qualifier="nothing")
    assert (status, code) == (404, "ResourceNotFoundException")
    assert message == f"Function not found: arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}:nothing"


@pytest.mark.parametrize(
    "reference",
    [
        "{name}",
        "{name}:live",
        f"{ACCOUNT}:function:{{name}}",
        f"{ACCOUNT}:function:{{name}}:live",
        f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{{name}}",
        f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{{name}}:live",
    ],
)
def test_a_function_is_found_by_each_form_of_its_name(emulator, name: str, reference: str) -> None:
    # https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_RequestParameters
    answer = lambda_client(emulator).invoke(FunctionName=reference.format(name=name), Payload=b"{}")
    assert answer["Payload"].read() == b"hello"
    assert answer["ExecutedVersion"] == ("1" if reference.endswith("live") else "$LATEST")


def test_a_function_of_another_region_is_not_reached(emulator, name: str) -> None:
    # The words: https://github.com/alexcasalboni/aws-lambda-power-tuning/issues/18
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"
    told = refusal(lambda_client(emulator), FunctionName=arn)
    assert told == (404, "ResourceNotFoundException", f"Functions from 'us-east-1' are not reachable in this region ('{REGION}')")
    assert refusal(lambda_client(emulator, region="us-east-1"), FunctionName=name)[:2] == (404, "ResourceNotFoundException")


def test_a_function_of_another_account_is_not_this_one(emulator, name: str) -> None:
    arn = f"arn:aws:lambda:{REGION}:111122223333:function:{name}"
    status, code, message = refusal(lambda_client(emulator), FunctionName=arn)
    assert (status, code) == (403, "AccessDeniedException")
    assert f"on resource: {arn} because no resource-based policy allows" in message


def test_two_qualifiers_that_differ_are_refused(emulator, name: str) -> None:
    # The words: https://github.com/localstack/localstack/blob/main/localstack-core/localstack/services/lambda_/api_utils.py
    told = refusal(lambda_client(emulator), FunctionName=f"{name}:live", Qualifier="$LATEST")
    message = "The derived qualifier from the function name does not match the specified qualifier."
    assert told == (400, "InvalidParameterValueException", message)
    answer = lambda_client(emulator).invoke(FunctionName=f"{name}:live", Qualifier="live", Payload=b"{}")
    assert answer["ExecutedVersion"] == "1"


def log_of(text: str) -> list[str]:
    return base64.b64decode(text).decode().splitlines()


def test_the_tail_of_the_log_comes_with_the_answer(emulator, name: str) -> None:
    answer = lambda_client(emulator).invoke(FunctionName=name, LogType="Tail", Payload=b"{}")
    assert answer["Payload"].read() == b"hello"
    lines = log_of(answer["LogResult"])
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert lines[0].startswith(f"START RequestId: {request_id}")
    assert any("a word of the function's own" in line for line in lines)
    assert lines[-1].startswith(f"REPORT RequestId: {request_id}")


def test_no_log_comes_unasked(emulator, name: str) -> None:
    answer = lambda_client(emulator).invoke(FunctionName=name, Payload=b"{}")
    assert "LogResult" not in answer


def test_the_tail_of_the_log_comes_with_the_end_of_a_stream(emulator, name: str) -> None:
    # https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStreamCompleteEvent.html
    answer = lambda_client(emulator).invoke_with_response_stream(FunctionName=name, LogType="Tail", Payload=b"{}")
    *chunks, last = answer["EventStream"]
    assert b"".join(chunk["PayloadChunk"]["Payload"] for chunk in chunks) == b"hello"
    assert log_of(last["InvokeComplete"]["LogResult"])[-1].startswith("REPORT RequestId: ")


def test_the_tail_of_the_log_comes_with_an_error_and_is_at_most_4_kilobytes(app, emulate) -> None:
    app.function("Fn", HANDLER.replace("a word", "x" * 9000 + " a word"), auth=None)
    emulator = emulate(app)
    name = emulator.json()["functions"][0]["function_name"]
    answer = lambda_client(emulator).invoke(FunctionName=name, LogType="Tail", Payload=json.dumps({"fail": True}))
    assert answer["FunctionError"] == "Unhandled"
    text = base64.b64decode(answer["LogResult"])
    assert len(text) <= 4096
    assert b"REPORT RequestId" in text


def test_a_function_that_cannot_start_answers_one_who_asks_for_its_log(app, emulate) -> None:
    app.function("Fn", "raise RuntimeError('no luck')\n", auth=None)
    emulator = emulate(app)
    name = emulator.json()["functions"][0]["function_name"]
    answer = lambda_client(emulator).invoke(FunctionName=name, LogType="Tail", Payload=b"{}")
    assert (answer["FunctionError"], "LogResult" in answer) == ("Unhandled", True)
