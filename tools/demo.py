"""The main job in one command: the chat stack in the emulator, a signed request, and the model's tokens as they arrive."""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import select
import signal
import subprocess
import sys
import tempfile
from typing import IO, Any, Final
from urllib.parse import urlsplit

import boto3

from constructs_pkg.client import StreamingClient, StreamingClientError, StreamTiming, Text

START_LIMIT_SECONDS: Final = 180
MODEL: Final = "amazon.nova-lite-v1:0"
CALLER: Final = "ChatStack/Caller"
PATH: Final = "/v1/chat/completions"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompt", default="Explain in three sentences why the sky is blue.")
    parser.add_argument("--max-tokens", type=int, default=120)
    arguments = parser.parse_args()

    print("Synthesizing the chat stack and starting it in the emulator (no AWS account, no Docker) ...", flush=True)
    with tempfile.TemporaryFile("w+") as log, running_emulator(log) as emulator:
        ready = first_line(emulator, log)
        if ready is None:
            return 1
        function = next(row for row in ready["functions"] if row["url"] and row["path"].startswith("ChatStack/"))
        caller = ready["principals"][CALLER]
        print(
            f"Function URL   {function['url']}  ({function['invoke_mode']}, auth {function['auth_type']}, alias {function['alias']})"
        )
        print(f"No signature   {unsigned(function['url'])}")
        print(f"As the role    {caller['arn']}\n")
        print(f"> {arguments.prompt}\n", flush=True)
        return stream(function["url"], caller, ready["region"], arguments.prompt, arguments.max_tokens)


@contextlib.contextmanager
def running_emulator(log: IO[str]) -> Any:
    process = subprocess.Popen(
        [sys.executable, "-m", "constructs_pkg", "local", "--json", "--app", f"{sys.executable} app.py"],
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()


def first_line(emulator: subprocess.Popen[str], log: IO[str]) -> dict[str, Any] | None:
    assert emulator.stdout is not None
    readable, _, _ = select.select([emulator.stdout], [], [], START_LIMIT_SECONDS)
    line = emulator.stdout.readline() if readable else ""
    if line:
        ready: dict[str, Any] = json.loads(line)
        return ready
    log.seek(0)
    sys.stderr.write(log.read())
    print("The emulator did not start; what it said stands above.", file=sys.stderr)
    return None


def unsigned(url: str) -> str:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "127.0.0.1", address.port, timeout=10)
    try:
        connection.request("GET", "/v1/models")
        answer = connection.getresponse()
        return f"{answer.status} {answer.read(200).decode()}"
    finally:
        connection.close()


def stream(url: str, caller: dict[str, str | None], region: str, prompt: str, max_tokens: int) -> int:
    session = boto3.Session(
        aws_access_key_id=caller["access_key_id"],
        aws_secret_access_key=caller["secret_access_key"],
        aws_session_token=caller["session_token"],
        region_name=region,
    )
    body = {
        "model": MODEL,
        "stream": True,
        "temperature": 0,
        "max_tokens": max_tokens,
        "messages": [{"role": "user", "content": prompt}],
    }
    try:
        with StreamingClient(url, session=session, region=region) as client, client.stream("POST", PATH, json=body) as answer:
            for event in answer:
                if isinstance(event, Text):
                    print(event.text, end="", flush=True)
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
    print(f"\n\nTime to first token   {timing.first_text or 0:.3f} s")
    print(f"Tokens                {timing.tokens} in {total:.3f} s, {timing.tokens_per_second or 0:.1f} a second")
    print(f"Longest gap           {timing.longest_gap or 0:.3f} s")
    print(f"Arrivals              |{bars}| {total:.1f} s")


if __name__ == "__main__":
    sys.exit(main())
