"""Functions find other AWS services where the person says."""

from __future__ import annotations

import json

import pytest

from constructs_pkg.emulator.endpoints import endpoint_variables, parse_endpoint
from tests.emulator.support import call

SEE = """
import boto3, json, os

def handler(event, context):
    clients = {name: boto3.client(name).meta.endpoint_url for name in ("dynamodb", "s3", "bedrock-runtime", "lambda")}
    yield json.dumps(clients)
"""


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("http://127.0.0.1:4566", ("", "http://127.0.0.1:4566")),
        ("dynamodb=http://127.0.0.1:8000", ("dynamodb", "http://127.0.0.1:8000")),
        ("https://x.example/a?b=c", ("", "https://x.example/a?b=c")),
    ],
)
def test_an_endpoint_is_for_one_service_or_for_all(text: str, read: tuple[str, str]) -> None:
    assert parse_endpoint(text) == read


@pytest.mark.parametrize("text", ["", "dynamodb", "dynamodb=", "dynamodb=127.0.0.1:8000", "a/b=http://x", "ftp://x"])
def test_what_is_no_endpoint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ENDPOINT_UNREADABLE"):
        parse_endpoint(text)


def test_services_are_named_as_sdks_name_them() -> None:
    # https://docs.aws.amazon.com/sdkref/latest/guide/ss-endpoints-table.html
    found = endpoint_variables({"": "http://a", "bedrock-runtime": "http://b", "Elastic Beanstalk": "http://c"})
    assert found == {
        "AWS_ENDPOINT_URL": "http://a",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://b",
        "AWS_ENDPOINT_URL_ELASTIC_BEANSTALK": "http://c",
    }


def test_boto3_in_a_function_goes_where_it_is_told(app, emulate) -> None:
    app.function("Fn", SEE)
    emulator = emulate(app, endpoints={"": "http://127.0.0.1:4566", "dynamodb": "http://127.0.0.1:8000"})
    seen = json.loads(call(emulator.urls["Test/Fn"], emulator.principals["admin"]).read())
    assert seen == {
        "dynamodb": "http://127.0.0.1:8000",
        "s3": "http://127.0.0.1:4566",
        "bedrock-runtime": emulator.bedrock_endpoint,
        "lambda": emulator.lambda_endpoint,
    }
