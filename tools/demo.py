"""The main job in one command: the chat stack in the emulator, a signed request, and the model's tokens as they arrive."""

from __future__ import annotations

import argparse
import http.client
import json
import sys
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from constructs_pkg.client import StreamingClientError, StreamTiming, Text
from tools import terminal
from tools.local_stack import running

if TYPE_CHECKING:
    from tools.local_stack import LocalStack

MODEL: Final = "amazon.nova-lite-v1:0"
CALLER: Final = "ChatStack/Caller"
PATH: Final = "/v1/chat/completions"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompt", default="Explain in three sentences why the sky is blue.")
    parser.add_argument("--max-tokens", type=int, default=120)
    arguments = parser.parse_args()

    with running("ChatStack") as stack:
        function = stack.function("ChatStack/Chat")
        print(f"Function URL   {function['url']}")
        print(f"               {function['invoke_mode']}, auth {function['auth_type']}, alias {function['alias']}")
        print(f"No signature   {unsigned(function['url'])}")
        print(f"As the role    {stack.ready['principals'][CALLER]['arn']}\n")
        print(f"> {arguments.prompt}\n", flush=True)
        return stream(stack, arguments.prompt, arguments.max_tokens)


def unsigned(url: str) -> str:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "127.0.0.1", address.port, timeout=10)
    try:
        connection.request("GET", "/v1/models")
        answer = connection.getresponse()
        said = json.loads(answer.read(1_000))["Message"]
        return f"{answer.status} {said.partition('.')[0]}"
    finally:
        connection.close()


def stream(stack: LocalStack, prompt: str, max_tokens: int) -> int:
    body = {
        "model": MODEL,
        "stream": True,
        "temperature": 0,
        "max_tokens": max_tokens,
        "messages": [{"role": "user", "content": prompt}],
    }
    try:
        with stack.client("ChatStack/Chat", CALLER) as client, client.stream("POST", PATH, json=body) as answer:
            words = terminal.Words()
            for event in answer:
                if isinstance(event, Text):
                    words.write(event.text)
            words.end()
            report(answer.timing)
    except StreamingClientError as error:
        print(f"\nThe stream failed: {error}", file=sys.stderr)
        return 1
    return 0


def report(timing: StreamTiming) -> None:
    """The times, and when the tokens arrived: a bar for each fortieth of the answer's time, as high as its tokens are many."""
    total = timing.last_event or 0.0
    counts = [0] * 40
    for offset in timing.offsets:
        counts[min(39, int(offset / total * 40)) if total else 0] += 1
    highest = max(counts)
    bars = "".join(" ▁▂▃▄▅▆▇█"[-(-8 * count // highest)] for count in counts)
    print(f"\nTime to first token   {timing.first_text or 0:.3f} s")
    print(f"Tokens                {timing.tokens} in {total:.3f} s, {timing.tokens_per_second or 0:.1f} a second")
    print(f"Longest gap           {timing.longest_gap or 0:.3f} s")
    print(f"Arrivals              |{bars}| {total:.1f} s")


if __name__ == "__main__":
    sys.exit(terminal.run(main))
