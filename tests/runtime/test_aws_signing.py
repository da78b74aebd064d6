"""Signature Version 4: AWS's own vectors step by step, and botocore's signer on requests as we send them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from streaming_runtime.aws import signing
from streaming_runtime.aws.credentials import Credentials

SUITE = json.loads((Path(__file__).parents[1] / "client" / "sigv4_vectors.json").read_text(encoding="utf-8"))
SCOPE = f"{SUITE['timestamp'][:8]}/{SUITE['region']}/{SUITE['service']}/aws4_request"


def signed(vector: dict[str, Any]) -> tuple[list[tuple[str, str]], str | None]:
    token = vector["token"] if vector["token_is_signed"] else None
    headers = [tuple(pair) for pair in vector["headers"]]
    if vector["content_hash_is_signed"]:
        headers.append(("X-Amz-Content-Sha256", vector["canonical_request"].splitlines()[-1]))
    return headers, token


@pytest.mark.parametrize("vector", SUITE["vectors"], ids=lambda vector: vector["name"])
def test_aws_own_vectors_come_out_to_the_letter(vector: dict[str, Any]) -> None:
    headers, token = signed(vector)
    added = [("x-amz-date", SUITE["timestamp"])] + ([("x-amz-security-token", token)] if token else [])
    fields = signing.canonical_headers([*headers, *added])
    canonical = signing.canonical_request(vector["method"], vector["target"], fields, vector["body"].encode())
    assert canonical == vector["canonical_request"]
    text = signing.string_to_sign(canonical, SUITE["timestamp"], SCOPE)
    assert signing.signature_of(text, SUITE["secret_key"], SCOPE) == vector["signature"]
    whole = signing.sign(
        vector["method"], vector["target"], headers, vector["body"].encode(),
        Credentials(SUITE["access_key"], SUITE["secret_key"], token),
        region=SUITE["region"], service=SUITE["service"], timestamp=SUITE["timestamp"],
    )  # fmt: skip
    assert whole["authorization"].endswith(f"Signature={vector['signature']}")
    assert (whole["x-amz-date"], whole.get("x-amz-security-token")) == (SUITE["timestamp"], token)


PATHS = st.lists(st.text(st.characters(exclude_characters="/", codec="utf-8"), max_size=6), max_size=4)


@given(path=PATHS, body=st.binary(max_size=50), token=st.none() | st.just("token/+="), value=st.text("ab \t", max_size=8))
def test_botocore_signs_the_same(path: list[str], body: bytes, token: str | None, value: str) -> None:
    target = "/" + "/".join(signing.encode(segment) for segment in path)
    request = AWSRequest("POST", "https://bedrock-runtime.eu-west-1.amazonaws.com" + target, {"x-note": value}, body)
    signer = SigV4Auth(ReadOnlyCredentials("AKID", "secret", token), "bedrock", "eu-west-1")
    signer.add_auth(request)
    timestamp = request.context["timestamp"]
    headers = [("host", "bedrock-runtime.eu-west-1.amazonaws.com"), ("x-note", value)]
    ours = signing.sign(
        "POST", target, headers, body, Credentials("AKID", "secret", token),
        region="eu-west-1", service="bedrock", timestamp=timestamp,
    )  # fmt: skip
    assert ours["authorization"] == request.headers["Authorization"]


def test_a_model_id_with_a_colon_and_an_arn_are_encoded_as_botocore_does() -> None:
    assert signing.encode("us.anthropic.claude-3:0") == "us.anthropic.claude-3%3A0"
    assert (
        signing.encode("arn:aws:bedrock:eu-west-1:1:inference-profile/x")
        == "arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Ainference-profile%2Fx"
    )


def test_credentials_do_not_show_their_secrets() -> None:
    assert "secret" not in repr(Credentials("AKID", "secret", "also secret"))
