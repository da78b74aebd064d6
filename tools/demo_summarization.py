"""The beginning of Alice, summarised while they are read: the summarization stack's REST API in the emulator, on the local model."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from constructs_pkg.client import Data, Finish, StreamingClient, StreamingClientError, Text
from tools import terminal
from tools.local_stack import running

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLER: Final = "SummarizationStack/Caller"
TEXT: Final = Path(__file__).parents[1] / "stacks" / "summarization" / "texts" / "alice.txt"
CONTEXT: Final = {"summarization:section-characters": "1800", "summarization:summary-tokens": "50"}
"""Short pieces: the local model is small and slow."""

STEPS: Final = 2
"""Summaries in one answer: as few as that, so that it can be seen how an answer goes on."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, default=TEXT, help="another text, in UTF-8 (default: two chapters of Alice)")
    parser.add_argument("--characters", type=int, default=5_000, help="how much of it is read (default: 5000)")
    arguments = parser.parse_args()
    whole = arguments.file.read_text(encoding="utf-8")
    text = whole[: arguments.characters]

    with running("SummarizationStack", context=CONTEXT) as stack:
        [api] = stack.ready["rest_apis"]
        print(f"REST API       {api['url']}summaries  (IAM)")
        print(f"Document       {arguments.file.name}, the first {len(text):,} of {len(whole):,} characters", flush=True)
        try:
            with StreamingClient(api["url"], session=stack.session(CALLER), service="execute-api") as client:
                answers = summarise(client, text)
        except StreamingClientError as error:
            print(f"\nThe stream failed: {error}", file=sys.stderr)
            return 1
        print(f"\n{answers} answers of at most {STEPS} summaries each; each goes on where the one before it said so")
        return 0


def summarise(client: StreamingClient, text: str) -> int:
    """Shows all summaries, answer by answer. Returns how many answers it took."""
    answers, cursor, done = 0, None, 0
    while True:
        answers += 1
        body = {"text": text, "most_steps": STEPS, **({"cursor": cursor} if cursor else {})}
        cursor = None
        with client.stream("POST", "summaries", json=body) as stream:
            steps = 1
            for event in shown(stream):
                if isinstance(event, Finish):
                    continue
                if event.name == "document":
                    steps = event.value["steps"]
                    done = event.value["done"]
                elif event.name == "step":
                    bar = "█" * round(20 * done / steps) + "░" * (20 - round(20 * done / steps))
                    what = event.value.get("title") or ("the whole" if event.value["kind"] == "summary" else "")
                    line = f"{bar} {done}/{steps}  {event.value['kind']} {event.value['number']}  {what}"
                    print(f"\n{terminal.cut(line)}", flush=True)
                elif event.name == "resume":
                    cursor = event.value["cursor"]
                else:
                    done += 1
        if cursor is None:
            return answers


def shown(stream: Any) -> Iterator[Data | Finish]:
    """Prints the text as it comes, in lines; gives all else on."""
    words, begun = terminal.Words(), time.monotonic()
    for event in stream:
        if isinstance(event, Text):
            words.write(event.text.replace("\n", " "))
            continue
        if words.end():
            print(f"({time.monotonic() - begun:.1f} s)", flush=True)
        begun = time.monotonic()
        yield event


if __name__ == "__main__":
    sys.exit(terminal.run(main))
