"""Who asks the chat stack: tokens are checked as RFC 7515 and Cognito say, and what is not proven does not count."""

from __future__ import annotations

import base64
import http.server
import json
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from streaming_runtime import HttpError, Request
from tests.stacks.handlers import STACKS, load

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT, POOL, CLIENT = "123456789012", "eu-west-1_AbCdEfGhI", "1example23456789"
ISSUER = f"https://cognito-idp.eu-west-1.amazonaws.com/{POOL}"
NOW = int(time.time())
DAY = 86_400  # longer than any run of the suite: these are set when it is collected
CLAIMS = {"sub": "person-1", "iss": ISSUER, "aud": CLIENT, "token_use": "id", "exp": NOW + DAY}


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Signer:
    """A user pool's key."""

    def __init__(self, name: str = "key-1", bits: int = 2048) -> None:
        self.name = name
        self._key = rsa.generate_private_key(65537, bits)

    @property
    def public(self) -> dict[str, Any]:
        numbers = self._key.public_key().public_numbers()
        length = (numbers.n.bit_length() + 7) // 8
        return {
            "kid": self.name,
            "kty": "RSA",
            "alg": "RS256",
            "use": "sig",
            "n": encoded(numbers.n.to_bytes(length, "big")),
            "e": encoded(b"\x01\x00\x01"),
        }

    def sign(self, message: bytes, hash: hashes.HashAlgorithm | None = None) -> bytes:
        return self._key.sign(message, padding.PKCS1v15(), hash or hashes.SHA256())

    def token(self, claims: dict[str, Any] | None = None, **header: Any) -> str:
        head = {"alg": "RS256", "kid": self.name, **header}
        parts = [encoded(json.dumps(part).encode()) for part in (head, CLAIMS if claims is None else claims)]
        return ".".join([*parts, encoded(self.sign(".".join(parts).encode()))])


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer()


@pytest.fixture(scope="module")
def id_token() -> Any:
    return load("chat", "id_token").id_token


def subject(id_token: Any, token: str, key: dict[str, Any]) -> str:
    id_token.key_id(token)
    found: str = id_token.subject(token, key, issuer=ISSUER, audience=CLIENT)
    return found


def test_a_token_of_the_user_pool_names_its_person(id_token: Any, signer: Signer) -> None:
    token = signer.token()
    assert id_token.key_id(token) == "key-1"
    assert subject(id_token, token, signer.public) == "person-1"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": ISSUER + "x"},
        {"aud": "another-client"},
        {"aud": [CLIENT]},
        {"token_use": "access"},
        {"exp": NOW},
        {"exp": str(NOW + DAY)},
        {"exp": None},
        {"sub": ""},
        {"sub": 7},
        {"nbf": NOW + DAY},
    ],
    ids=str,
)
def test_a_token_for_somebody_or_something_else_does_not_count(changes: dict[str, Any], id_token: Any, signer: Signer) -> None:
    with pytest.raises(id_token.InvalidToken):
        subject(id_token, signer.token({**CLAIMS, **changes}), signer.public)


@pytest.mark.parametrize("alg", ["none", "HS256", "RS512", "rs256", None])
def test_the_token_does_not_choose_its_algorithm(alg: str | None, id_token: Any, signer: Signer) -> None:
    with pytest.raises(id_token.InvalidToken, match="RS256"):
        id_token.key_id(signer.token(alg=alg))


def test_another_key_another_hash_and_a_short_key_do_not_count(id_token: Any, signer: Signer) -> None:
    token = signer.token()
    with pytest.raises(id_token.InvalidToken, match="signature"):
        subject(id_token, token, Signer().public)
    signed = token.rpartition(".")[0]
    other_hash = f"{signed}.{encoded(signer.sign(signed.encode(), hashes.SHA512()))}"
    with pytest.raises(id_token.InvalidToken, match="signature"):
        subject(id_token, other_hash, signer.public)
    short = Signer(bits=1024)
    with pytest.raises(id_token.InvalidToken, match="signature"):
        subject(id_token, short.token(), short.public)
    with pytest.raises(id_token.InvalidToken, match="signature"):
        subject(id_token, token, {**signer.public, "kty": "oct"})
    with pytest.raises(id_token.InvalidToken, match="signature"):
        subject(id_token, token, {**signer.public, "e": encoded(b"\x01")})


def test_no_single_character_of_a_token_can_be_another(id_token: Any, signer: Signer) -> None:
    token = signer.token()
    claims_end = token.rindex(".")
    for place in range(claims_end):
        if token[place] == ".":
            continue
        forged = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        with pytest.raises(id_token.InvalidToken):
            subject(id_token, forged, signer.public)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "..",
        "a.b",
        "a.b.c.d",
        "e30.e30.",
        "W10.e30.e30",
        encoded(b"[" * 9_000) + ".e30.e30",
        "ä.ä.ä",
        "W10.W10.W10",
        "x" * 20_000,
        "\ud800.a.b",
    ],
)
def test_what_is_no_token_is_refused(token: str, id_token: Any, signer: Signer) -> None:
    with pytest.raises(id_token.InvalidToken):
        subject(id_token, token, signer.public)


class Cognito:
    """Where a user pool's keys are, as `people` finds it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys: list[dict[str, Any]] = []
        self.body: bytes | None = None
        self.status = 200
        self.asked: list[str] = []


@contextmanager
def serving() -> Iterator[Cognito]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            cognito.asked.append(self.path)
            self.send_response(cognito.status)
            self.end_headers()
            self.wfile.write(json.dumps({"keys": cognito.keys}).encode() if cognito.body is None else cognito.body)

        def log_message(self, *arguments: Any) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    cognito = Cognito(f"http://127.0.0.1:{server.server_port}")
    thread.start()
    try:
        yield cognito
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def cognito(signer: Signer) -> Iterator[Cognito]:
    with serving() as found:
        found.keys = [signer.public]
        yield found


@pytest.fixture
def people(cognito: Cognito, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in (("TRUSTED_ACCOUNT", ACCOUNT), ("USER_POOL_ID", POOL), ("USER_POOL_CLIENT_ID", CLIENT)):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER", cognito.url)
    loaded = load("chat", "id_token", "pool_keys", "people")
    monkeypatch.setitem(sys.modules, "id_token", loaded.id_token)  # it is imported where a token comes
    return loaded.people


def request(account: str | None = None, **headers: str) -> Request:
    """As a Function URL delivers it, from a caller of this account."""
    context: dict[str, Any] = {"http": {"method": "POST", "path": "/v1/chat/completions"}}
    if account is not None:
        context["authorizer"] = {"iam": {"accountId": account, "callerId": "AROA:session"}}
    return Request({"version": "2.0", "requestContext": context, "headers": {k.replace("_", "-"): v for k, v in headers.items()}})


def now_token(signer: Signer, **changes: Any) -> str:
    return f"Bearer {signer.token({**CLAIMS, 'exp': int(time.time()) + 600, **changes})}"


def test_a_service_of_the_account_is_who_iam_says_it_is(people: Any, cognito: Cognito) -> None:
    assert people.who(request(ACCOUNT)) is None
    assert people.who(Request({"messages": []})) is None, "a direct invocation, which IAM let in"
    assert cognito.asked == []


@pytest.mark.parametrize("account", ["856369053181", None, ""])
def test_who_comes_by_cloudfront_has_to_sign_in(account: str | None, people: Any) -> None:
    with pytest.raises(HttpError) as refused:
        people.who(request(account))
    assert (refused.value.status, refused.value.code) == (401, "sign_in_required")


@pytest.mark.parametrize("account", ["856369053181", ACCOUNT], ids=["by CloudFront", "by the URL"])
def test_a_person_is_whom_the_token_names(account: str, people: Any, signer: Signer, cognito: Cognito) -> None:
    assert people.who(request(account, x_authorization=now_token(signer))) == "person-1"
    assert people.who(request(account, x_authorization=now_token(signer, sub="person-2"))) == "person-2"
    assert cognito.asked == [f"/{POOL}/.well-known/jwks.json"], "the keys are kept"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic abc", "Bearer a.b.c"])
def test_a_token_that_does_not_count_is_401_also_for_whom_iam_knows(header: str, people: Any) -> None:
    with pytest.raises(HttpError) as refused:
        people.who(request(ACCOUNT, x_authorization=header))
    assert (refused.value.status, refused.value.code) == (401, "invalid_token")


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(people: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What `people` asks for keys, by a clock of ours."""
    found = type(people._KEYS)(POOL, clock=clock)
    monkeypatch.setattr(people, "_KEYS", found)
    return found


def test_a_token_with_a_key_of_its_own_does_not_make_each_request_ask_cognito(
    people: Any, keys: Any, clock: Clock, cognito: Cognito, signer: Signer
) -> None:
    forged = now_token(Signer("forged", 1024))
    for _ in range(5):
        with pytest.raises(HttpError, match="its key is not the user pool's"):
            people.who(request(x_authorization=forged))
    assert len(cognito.asked) == 1
    clock.now += 31
    with pytest.raises(HttpError, match="its key is not the user pool's"):
        people.who(request(x_authorization=forged))
    assert len(cognito.asked) == 2
    assert people.who(request(x_authorization=now_token(signer))) == "person-1"


def test_a_key_that_the_pool_got_since_counts_within_half_a_minute(
    people: Any, keys: Any, clock: Clock, cognito: Cognito, signer: Signer
) -> None:
    assert people.who(request(x_authorization=now_token(signer))) == "person-1"
    newer = Signer("key-2")
    cognito.keys = [newer.public]
    clock.now += 31
    assert people.who(request(x_authorization=now_token(newer))) == "person-1"
    with pytest.raises(HttpError, match="its key is not the user pool's"):
        people.who(request(x_authorization=now_token(signer)))


def test_keys_are_asked_for_anew_after_some_hours(people: Any, keys: Any, clock: Clock, cognito: Cognito, signer: Signer) -> None:
    assert people.who(request(x_authorization=now_token(signer))) == "person-1"
    clock.now += 5 * 3600
    assert people.who(request(x_authorization=now_token(signer))) == "person-1"
    assert len(cognito.asked) == 1
    cognito.keys = []
    clock.now += 2 * 3600
    with pytest.raises(HttpError, match="its key is not the user pool's"):
        people.who(request(x_authorization=now_token(signer)))
    assert len(cognito.asked) == 2


def test_without_cognito_no_token_counts_and_it_is_asked_again_after_a_pause(
    people: Any, keys: Any, clock: Clock, cognito: Cognito, signer: Signer
) -> None:
    cognito.status = 500
    for _ in range(5):
        with pytest.raises(HttpError) as refused:
            people.who(request(x_authorization=now_token(signer)))
        assert (refused.value.status, refused.value.code) == (503, "identity_unavailable")
        assert refused.value.headers["retry-after"] == "5"
    assert len(cognito.asked) == 1, "each question may take two seconds"
    cognito.status = 200
    clock.now += 6
    assert people.who(request(x_authorization=now_token(signer))) == "person-1"


def test_known_keys_count_for_a_day_while_cognito_is_away(
    people: Any, keys: Any, clock: Clock, cognito: Cognito, signer: Signer
) -> None:
    assert people.who(request(x_authorization=now_token(signer))) == "person-1"
    cognito.status = 500
    clock.now += 23 * 3600
    assert people.who(request(x_authorization=now_token(signer))) == "person-1"
    clock.now += 2 * 3600
    with pytest.raises(HttpError) as refused:
        people.who(request(x_authorization=now_token(signer)))
    assert refused.value.code == "identity_unavailable"


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"keys": 7}', b'{"keys": [7]}', b'{"keys": [{}]}', b"\xff"])
def test_what_is_no_set_of_keys_is_as_no_answer(body: bytes, people: Any, keys: Any, cognito: Cognito, signer: Signer) -> None:
    cognito.body = body
    with pytest.raises(HttpError) as refused:
        people.who(request(x_authorization=now_token(signer)))
    assert refused.value.code == "identity_unavailable"


def test_services_do_not_pay_for_what_checks_tokens() -> None:
    """Cryptography is slow to load, and most callers need none of it."""
    script = "import sys; import people; print(sorted({'jwt', 'cryptography', 'urllib.request', 'ssl'} & set(sys.modules)))"
    names = ("TRUSTED_ACCOUNT", "USER_POOL_ID", "USER_POOL_CLIENT_ID")
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=STACKS / "chat" / "handler",
        env={**os.environ, **dict.fromkeys(names, "x")},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.strip() == "[]"
