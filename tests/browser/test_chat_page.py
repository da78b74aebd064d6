"""The chat page, driven as a person would: each test is a scenario of chat.mjs, in a browser of its own."""

from __future__ import annotations

import asyncio
import http.server
import re
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest

from constructs_pkg.emulator import Completion, Emulator
from constructs_pkg.emulator.models import ChatRequest, Delta
from stacks.chat.stack import ChatStack
from tests.runtime.dynamodb_server import serving as dynamodb
from tests.stacks.conftest import synthesize
from tests.stacks.test_chat_people import Signer
from tests.stacks.test_chat_people import serving as user_pool
from tests.stacks.test_chat_streams import make_table, variables
from tools.page_server import PageServer, serving
from tools.serve import FOLDER, PEOPLE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

FUNCTION: Final = "ChatStack/Chat/Function"
MARKDOWN: Final = """### Reading a file

A file is read **line by line**, so that *memory stays flat* however long it is:

1. Open it with `open`, in a `with` block.
2. Go over it: a file is an iterator of its lines.
3. Take the end of each line off.

```python
def lines(path):
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            yield number, line.rstrip("\\n")  # a line that is much longer than the screen of a phone, and of most others too
```

What to look out for:

- Encodings: say which one it is.
  - `utf-8`, as a rule
- Files that somebody else writes to meanwhile.

> A file that is not closed may lose its last lines.

It is the same for `gzip.open`, and for standard input."""
HTML: Final = 'Look: <img src=x onerror="globalThis.hacked=1"> and <script>globalThis.hacked=2</script>\n\n<b>not bold</b>'


class Actor:
    """A model that does what the question says: `words 60 every 40`, `lines 90`, `markdown`, `html`."""

    name = "actor"

    def __init__(self) -> None:
        self.asked: list[ChatRequest] = []
        self.left: list[str] = []

    async def start(self, supervisor: Any, log: Any) -> None: ...

    async def close(self) -> None: ...

    async def answer(self, request: ChatRequest) -> AsyncGenerator[Delta | Completion, None]:
        self.asked.append(request)
        said = request.last_user_text
        pieces = self._pieces(said)
        pause = re.search(r"every (\d+)", said)
        whole = False
        try:
            for piece in pieces:
                await asyncio.sleep(int(pause[1]) / 1000 if pause else 0)
                yield Delta(piece)
            whole = True
            yield Completion(stop_reason="end_turn", input_tokens=3, output_tokens=len(pieces))
        finally:
            if not whole:
                self.left.append(said)

    def _pieces(self, said: str) -> list[str]:
        if said == "markdown":
            return re.findall(r"\S*\s*", MARKDOWN)[:-1]
        if said == "html":
            return re.findall(r".{1,7}", HTML, re.S)
        found = re.match(r"(words|lines) (\d+)", said)
        kind, count = (found[1], int(found[2])) if found else ("words", 5)
        return [f"w{number} " if kind == "words" else f"- line {number}\n" for number in range(count)]


@pytest.fixture(scope="module")
def model() -> Actor:
    return Actor()


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer()


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory, model: Actor, signer: Signer) -> Iterator[Emulator]:
    chat = synthesize(tmp_path_factory.mktemp("chat"), ChatStack)
    with dynamodb() as table, user_pool() as cognito:
        cognito.keys = [signer.public]
        endpoints = {"dynamodb": table.url, "cognito-identity-provider": cognito.url}
        with Emulator(chat.directory, model=model, endpoints=endpoints) as running:
            make_table(table, running)
            yield running


def credentials(emulator: Emulator) -> dict[str, Any]:
    lent = emulator.principals[PEOPLE]
    return {
        "accessKeyId": lent["access_key_id"],
        "secretAccessKey": lent["secret_access_key"],
        "sessionToken": lent["session_token"],
    }


@pytest.fixture(scope="module")
def page(emulator: Emulator) -> Iterator[PageServer]:
    url = emulator.urls[FUNCTION]
    config = {"url": url, "region": emulator.region, "local": True}
    with serving(FOLDER, config=config, connect_sources=[url], credentials=credentials(emulator)) as server:
        yield server


@pytest.fixture
def see(drive: Callable[..., Any], page: PageServer) -> Callable[..., Any]:
    """Plays a scenario of chat.mjs."""
    return lambda scenario, **given: drive("chat.mjs", scenario, url=page.url, **given)


@pytest.mark.parametrize(
    "scenario",
    [
        "a_new_chat_offers_examples_and_models",
        "an_answer_is_seen_to_grow_and_told_once",
        "an_answer_is_text_and_never_html",
        "an_endpoint_that_is_down_can_be_tried_again",
        "it_fits_a_phone",
        "nothing_moves_for_whom_motion_is_too_much",
        "two_tabs_talk_at_once_and_of_their_own",
        "whoever_scrolls_up_is_left_where_they_read",
    ],
)
def test_as_it_is(see: Callable[..., Any], scenario: str) -> None:
    see(scenario)


def test_stop_ends_the_answer_and_the_model_with_it(see: Callable[..., Any], model: Actor) -> None:
    see("stop_ends_the_answer_and_the_next_one_comes")
    end = time.monotonic() + 10
    while "words 400 every 20" not in model.left and time.monotonic() < end:
        time.sleep(0.05)
    assert "words 400 every 20" in model.left


def test_the_keyboard_is_enough(see: Callable[..., Any]) -> None:
    see("the_keyboard_is_enough")


def test_lists_code_and_emphasis_are_readable_and_can_be_copied(see: Callable[..., Any]) -> None:
    see("lists_code_and_emphasis_are_readable_and_can_be_copied", markdown=MARKDOWN)


def test_the_model_that_was_chosen_is_asked(see: Callable[..., Any]) -> None:
    see("the_model_that_was_chosen_is_asked")


def test_an_error_in_mid_stream_is_shown_and_asked_again(see: Callable[..., Any], emulator: Emulator) -> None:
    with emulator.faults.add("model-error:3,times=1") as fault:
        see("an_error_in_mid_stream_is_shown_and_asked_again")
    assert fault.hits == 1


def test_it_is_dark_where_one_wants_it_dark(see: Callable[..., Any], emulator: Emulator) -> None:
    with emulator.faults.add("model-error:3,skip=1"):
        see("it_is_dark_where_one_wants_it_dark")


def test_an_answer_that_was_cut_short_says_so_and_is_asked_again(see: Callable[..., Any], emulator: Emulator) -> None:
    # The first call lists the models; the second dies; the third looks for the rest, which nobody writes any more.
    with emulator.faults.add("kill:600,skip=1,times=1") as fault:
        see("an_answer_that_was_cut_short_says_so_and_is_asked_again")
    assert fault.hits == 1


def test_a_connection_that_breaks_is_taken_up_where_it_broke(see: Callable[..., Any], emulator: Emulator, model: Actor) -> None:
    asked = len(model.asked)
    with emulator.faults.add("reset:600,skip=1,times=1") as fault:
        see("a_connection_that_breaks_is_taken_up_where_it_broke")
    assert fault.hits == 1
    assert len(model.asked) - asked == 1


def test_what_broke_off_twice_goes_on_when_one_says_so(see: Callable[..., Any], emulator: Emulator, model: Actor) -> None:
    asked = len(model.asked)
    with emulator.faults.add("reset:600,skip=1,times=2") as fault:
        see("what_broke_off_twice_goes_on_when_one_says_so")
    assert fault.hits == 2
    assert len(model.asked) - asked == 1


def test_throttling_says_how_long_to_wait(see: Callable[..., Any], emulator: Emulator) -> None:
    with emulator.faults.add("throttle,skip=1,times=1") as fault:
        see("throttling_says_how_long_to_wait")
    assert fault.hits == 1


def test_a_refusal_says_why(see: Callable[..., Any], emulator: Emulator) -> None:
    with emulator.faults.add("model-error:0"):
        see("a_refusal_says_why")


def test_offline_is_said_and_the_answer_goes_on_when_back(see: Callable[..., Any], emulator: Emulator, model: Actor) -> None:
    asked = len(model.asked)
    with emulator.faults.add("reset:1500,skip=1,times=1") as fault:
        see("offline_is_said_and_the_answer_goes_on_when_back")
    assert fault.hits == 1
    assert len(model.asked) - asked == 1


def test_a_reload_in_mid_stream_goes_on_with_the_answer(see: Callable[..., Any], model: Actor) -> None:
    asked = len(model.asked)
    see("a_reload_in_mid_stream_goes_on_with_the_answer")
    assert len(model.asked) - asked == 1


@pytest.mark.parametrize(
    "scenario",
    ["people_sign_in_at_the_user_pool", "who_is_not_let_in_can_try_again", "whose_sign_in_has_ended_is_told_so"],
)
def test_signing_in(drive: Callable[..., Any], emulator: Emulator, signer: Signer, scenario: str) -> None:
    url, found, lent = emulator.urls[FUNCTION], variables(emulator), emulator.principals[PEOPLE]
    sign_in = {
        "url": "https://chat.auth.us-east-1.amazoncognito.com",
        "userPoolId": found["USER_POOL_ID"],
        "userPoolClientId": found["USER_POOL_CLIENT_ID"],
        "identityPoolId": "us-east-1:pool",
    }
    config = {"url": url, "region": emulator.region, "signIn": sign_in}
    keys = {"AccessKeyId": lent["access_key_id"], "SecretKey": lent["secret_access_key"], "SessionToken": lent["session_token"]}
    sources = [url, sign_in["url"], "https://cognito-identity.us-east-1.amazonaws.com/"]
    claims = {
        "sub": "ann",
        "token_use": "id",
        "iss": f"https://cognito-idp.{emulator.region}.amazonaws.com/{sign_in['userPoolId']}",
        "aud": sign_in["userPoolClientId"],
    }
    with tokens(signer, claims) as token, serving(FOLDER, config=config, connect_sources=sources) as page:
        drive("chat.mjs", scenario, url=page.url, config=config, keys=keys, token=token)


@contextmanager
def tokens(signer: Signer, claims: dict[str, Any]) -> Iterator[str]:
    """Gives out ID tokens with the nonce that is asked for."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            [nonce] = parse_qs(urlsplit(self.path).query)["nonce"]
            now = int(time.time())
            body = signer.token({**claims, "nonce": nonce, "iat": now, "exp": now + 600}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join(5)


def test_the_built_page_is_there() -> None:
    assert (Path(FOLDER) / "index.html").is_file()
