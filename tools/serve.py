"""The examples' pages on loopback: the chat stack in the emulator behind IAM, with a local model and a table for streams, and its page;
beside it the observability example's page, which watches an invented world.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tools.local_stack import local_aws, running
from tools.page_server import PageServer, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

    from tools.local_stack import LocalStack

FUNCTION: Final = "ChatStack/Chat"
PEOPLE: Final = "ChatStack/Identity/Role"
"""Whom the page signs as: those who signed in. Signing in itself is Cognito's, and not emulated."""

FOLDER: Final = Path(__file__).parents[1] / "stacks" / "chat" / "page"
PORT: Final = 8100
STOP_LIMIT_SECONDS: Final = 30


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, help=f"of the page (default: {PORT}, or any where that is taken)")
    parser.add_argument("--model", help="of the emulator: smollm2, echo, or an OpenAI-compatible server's URL (default: smollm2)")
    parser.add_argument("--chat-only", action="store_true", help="leave the observability example's page out")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as by Ctrl-C: nothing stays behind
    options = ("--model", arguments.model) if arguments.model else ()
    beside = contextlib.nullcontext() if arguments.chat_only else observability()
    try:
        with (
            beside,
            local_aws() as endpoint,
            running("ChatStack", options=("--endpoint-url", f"dynamodb={endpoint}", *options)) as stack,
        ):
            stack.make_tables(endpoint)
            with serving(FOLDER, **page_of(stack), port=_port(arguments.port)) as page:
                print(
                    f"\nChat           {page.url}\n  calls        {stack.function(FUNCTION)['url']}  (IAM)\nCtrl-C stops all of it.",
                    flush=True,
                )
                signal.pause()
    except KeyboardInterrupt:
        print("\nStopped.")
    return 0


@contextlib.contextmanager
def observability() -> Iterator[None]:
    """Runs the observability example's demo beside the chat until the block ends, and says where its page is, once it is there."""
    command = [sys.executable, "-m", "tools.demo_observability", "--page"]
    # A group of its own: Ctrl-C is ours, and it is told once, below.
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    assert process.stdout is not None
    ending = threading.Event()
    telling = threading.Thread(target=_tell, args=(process.stdout, ending), daemon=True)
    telling.start()
    try:
        yield
    finally:
        ending.set()
        process.terminate()
        try:
            process.wait(timeout=STOP_LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        telling.join(timeout=STOP_LIMIT_SECONDS)


def _tell(output: IO[str], ending: threading.Event) -> None:
    """Says the page's address; of a demo that ended by itself before it had one, all that it said."""
    said: list[str] = []
    for line in output:
        if line.startswith("Page "):
            print(f"Observability  {line.split()[-1]}", flush=True)
            break
        said.append(line)
    else:
        if not ending.is_set():
            print("".join(["The observability page is not there:\n", *said]), file=sys.stderr, flush=True)
    for _ in output:
        pass  # so that it never waits for a reader


def page_of(stack: LocalStack) -> dict[str, Any]:
    """What the page's server has to know of a running stack."""
    url = stack.function(FUNCTION)["url"]
    lent = stack.ready["principals"][PEOPLE]
    return {
        "config": {"url": url, "region": stack.ready["region"], "local": True},
        "connect_sources": [url],
        "credentials": {
            "accessKeyId": lent["access_key_id"],
            "secretAccessKey": lent["secret_access_key"],
            "sessionToken": lent["session_token"],
        },
    }


def _port(wanted: int | None) -> int:
    """The port that was asked for; else the usual one, so that the address stays the same from run to run, or 0 where it is taken."""
    if wanted is not None:
        return wanted
    try:
        with PageServer(FOLDER, config={}, connect_sources=[], port=PORT):
            return PORT
    except OSError:
        return 0


if __name__ == "__main__":
    sys.exit(main())
