"""Rankings that get better while they stream: the recommendations stack in the emulator, with its table in a local DynamoDB endpoint."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import httpx

from constructs_pkg.client import Data, SigV4Auth, StreamingClientError
from tools import terminal
from tools.local_stack import local_aws, running

if TYPE_CHECKING:
    from tools.local_stack import LocalStack

FUNCTION: Final = "RecommendationsStack/Recommendations"
CALLER: Final = "RecommendationsStack/Caller"
READERS: Final[dict[str, dict[str, int]]] = {
    "ann": {"treasure-island": 5, "moby-dick": 4, "anna-karenina": 2},
    "bob": {"dracula": 5, "frankenstein": 4, "emma": 1},
    "cyd": {},
}
LIMIT: Final = 5


def main() -> int:
    with (
        local_aws() as endpoint,
        running("RecommendationsStack", options=("--endpoint-url", f"dynamodb={endpoint}")) as stack,
    ):
        stack.make_tables(endpoint)
        row = stack.function(FUNCTION)
        print(f"Function URL   {row['url']}readers/ann/recommendations")
        print(f"               {row['invoke_mode']}, auth {row['auth_type']}; + is what a ranking has and the one before had not")
        rate(stack, row["url"])
        try:
            for reader, stars in READERS.items():
                print(f"\n{reader}, who gave {', '.join(f'{book} {given}★' for book, given in stars.items()) or 'no stars yet'}")
                show(stack, reader)
            print("\nann again: what was found is kept, and comes at once")
            show(stack, "ann")
        except StreamingClientError as error:
            print(f"\nThe stream failed: {error}", file=sys.stderr)
            return 1
        return 0


def rate(stack: LocalStack, url: str) -> None:
    auth = SigV4Auth(stack.session(CALLER), region=stack.ready["region"])
    with httpx.Client(base_url=url, auth=auth, trust_env=False, timeout=60) as http:
        for reader, stars in READERS.items():
            for book, given in stars.items():
                http.put(f"/readers/{reader}/stars/{book}", json={"stars": given}).raise_for_status()


def show(stack: LocalStack, reader: str) -> None:
    """Each ranking as a line, with what is new in it marked; of the last also why."""
    before: list[str] = []
    last: dict[str, Any] = {}
    with (
        stack.client(FUNCTION, CALLER) as client,
        client.stream(
            "GET", f"/readers/{reader}/recommendations?limit={LIMIT}", headers={"accept": "text/event-stream"}
        ) as stream,
    ):
        for event in stream:
            if not isinstance(event, Data):
                continue
            last = event.value
            ids = [book["book"] for book in last["books"]]
            marked = ", ".join(id if id in before else f"+{id}" for id in ids)
            line = f"  {stream.timing.last_event or 0:6.3f} s  {last['stage']:<10} {last['scored']:>3} scored  {marked}"
            print(terminal.wrapped(line, indent=36), flush=True)
            before = ids
    for place, book in enumerate(last["books"], 1):
        because = f"  ({', '.join(book['because'])})" if book["because"] else ""
        print(terminal.wrapped(f"    {place}. {book['title']}, {book['author']} {book['year']}{because}", indent=7))


if __name__ == "__main__":
    sys.exit(terminal.run(main))
