"""The chat, with its page: the chat stack in the emulator behind IAM, a local model, a table for streams, and the page on loopback."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tools.local_stack import local_aws, running
from tools.page_server import PageServer, serving

if TYPE_CHECKING:
    from tools.local_stack import LocalStack

FUNCTION: Final = "ChatStack/Chat"
PEOPLE: Final = "ChatStack/Identity/Role"
"""Whom the page signs as: those who signed in. Signing in itself is Cognito's, and not emulated."""

FOLDER: Final = Path(__file__).parents[1] / "stacks" / "chat" / "page"
PORT: Final = 8100


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, help=f"of the page (default: {PORT}, or any where that is taken)")
    parser.add_argument("--model", help="of the emulator: smollm2, echo, or an OpenAI-compatible server's URL (default: smollm2)")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as by Ctrl-C: nothing stays behind
    options = ("--model", arguments.model) if arguments.model else ()
    try:
        with local_aws() as endpoint, running("ChatStack", options=("--endpoint-url", f"dynamodb={endpoint}", *options)) as stack:
            stack.make_tables(endpoint)
            with serving(FOLDER, **page_of(stack), port=_port(arguments.port)) as page:
                print(
                    f"\nFunction URL   {stack.function(FUNCTION)['url']}  (IAM)\nChat           {page.url}\n\nCtrl-C stops all of it.",
                    flush=True,
                )
                signal.pause()
    except KeyboardInterrupt:
        print("\nStopped.")
    return 0


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
