"""The main job in one command: the chat stack in the emulator, a signed request, and the model's tokens as they arrive."""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from typing import IO, Any, Final
from urllib.parse import urlsplit

START_LIMIT_SECONDS: Final = 180
ANSWER_LIMIT_SECONDS: Final = 180
MODEL: Final = "amazon.nova-lite-v1:0"
CALLER: Final = "ChatStack/Caller"


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
        return call(function["url"], caller, ready["region"], arguments.prompt, arguments.max_tokens)


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


def call(url: str, caller: dict[str, str | None], region: str, prompt: str, max_tokens: int) -> int:
    body = {
        "model": MODEL,
        "stream": True,
        "temperature": 0,
        "max_tokens": max_tokens,
        "messages": [{"role": "user", "content": prompt}],
    }
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "AWS_ACCESS_KEY_ID": caller["access_key_id"] or "",
        "AWS_SECRET_ACCESS_KEY": caller["secret_access_key"] or "",
        **({"AWS_SESSION_TOKEN": caller["session_token"]} if caller["session_token"] else {}),
    }
    command = [sys.executable, "-m", "constructs_pkg", "call", f"{url}v1/chat/completions", "--region", region, "--timing", "-d"]
    return subprocess.run([*command, json.dumps(body)], env=environment, timeout=ANSWER_LIMIT_SECONDS, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
