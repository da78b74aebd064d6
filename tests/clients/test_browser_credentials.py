"""Whose credentials the browser's module signs with, and how it gets them of Cognito; Cognito is moto's server."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.clients.browser_module import HERE, INSTALLED, NEEDS_NPM, build, run
from tests.runtime.dynamodb_server import KEYS, serving

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not INSTALLED, reason=NEEDS_NPM)

REGION = "us-east-1"  # where moto puts requests that are not signed
USER_POOL = "us-east-1_abc"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    dist: Path = build(tmp_path_factory.mktemp("browser"))
    with serving() as moto:
        client = boto3.client(
            "cognito-identity",
            region_name=REGION,
            endpoint_url=moto.url,
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        )
        pool = client.create_identity_pool(IdentityPoolName="people", AllowUnauthenticatedIdentities=False)["IdentityPoolId"]
        return json.loads(run(HERE / "node" / "browser_credentials.mjs", dist, moto.url, pool, USER_POOL))


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("lasting", ["key1", "key1", "key1"]),
        ("fresh", ["key1", "key1", "key1"]),
        ("expiring", ["key1", "key2", "key3"]),
        ("together", ["key1"] * 5),
        ("failing", ["no token", "key2", "key2"]),
    ],
)
def test_credentials_are_asked_for_when_there_are_none_or_they_expire_in_five_minutes(
    found: dict[str, Any], name: str, keys: list[str]
) -> None:
    assert found[name]["keys"] == keys
    assert found[name]["asked"] == len({key for key in keys if key.startswith("key")}) + (name == "failing")


def test_cognito_gives_credentials_that_can_sign_and_expire(found: dict[str, Any]) -> None:
    given = found["cognito"]["given"]
    assert given["accessKeyId"]
    assert given["secretAccessKey"]
    assert given["sessionToken"]
    expiration = datetime.fromisoformat(given["expiration"])
    assert datetime.now(UTC) < expiration < datetime.now(UTC) + timedelta(days=1)


def test_cognito_is_asked_by_the_enhanced_flow_with_the_id_token(found: dict[str, Any]) -> None:
    first, second = found["cognito"]["asked"]
    targets = [asked["headers"]["x-amz-target"] for asked in (first, second)]
    assert targets == ["AWSCognitoIdentityService.GetId", "AWSCognitoIdentityService.GetCredentialsForIdentity"]
    logins = {f"cognito-idp.us-east-1.amazonaws.com/{USER_POOL}": "id.token.x"}
    assert json.loads(first["body"])["Logins"] == json.loads(second["body"])["Logins"] == logins
    assert json.loads(second["body"])["IdentityId"].startswith("us-east-1:")


def test_what_cognito_refuses_is_told_without_the_token(found: dict[str, Any]) -> None:
    refused = found["refused"]
    assert refused["error"] == {
        "name": "StreamingError",
        "code": "NotAuthorizedException",
        "message": "Cognito refused GetId: Token is expired.",
    }
    assert refused["asked"][0]["url"] == "https://cognito-identity.us-east-1.amazonaws.com/"
