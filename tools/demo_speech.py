"""Recordings written down while they are heard: the speech stack in the emulator, with the recogniser of this machine."""

from __future__ import annotations

import argparse
import array
import sys
import time
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from constructs_pkg.client import Data, StreamingClientError
from tools import terminal
from tools.local_stack import running

if TYPE_CHECKING:
    from constructs_pkg.client import StreamingClient

FUNCTION: Final = "SpeechStack/Transcripts"
CALLER: Final = "SpeechStack/Caller"
FOLDER: Final = Path(__file__).parents[1] / "stacks" / "speech" / "recordings"
SAID: Final = {
    "go-forward.wav": "go forward ten meters",
    "amiable.wav": "he might even have been made amiable himself",
    "respectable.wav": "had he married a more amiable woman he might have been made still more respectable than he was",
}
WIDTH: Final = 48
CLEAR: Final = "\r\033[2K"
BARS: Final = " ▁▂▃▄▅▆▇█"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, action="append", help="a WAV file of your own: 16 kHz, 16 bits, one channel")
    arguments = parser.parse_args()
    files = arguments.file or [FOLDER / name for name in SAID]

    with running("SpeechStack", context={"speech:recogniser": "pocketsphinx"}) as stack:
        row = stack.function(FUNCTION)
        print(f"Function URL   {row['url']}transcripts  ({row['invoke_mode']}, auth {row['auth_type']})", flush=True)
        try:
            with stack.client(FUNCTION, CALLER) as client:
                for file in files:
                    listen(client, file)
        except StreamingClientError as error:
            print(f"\nThe stream failed: {error}", file=sys.stderr)
            return 1
        return 0


def listen(client: StreamingClient, file: Path) -> None:
    """Shows the loudness of a recording, and below it what is heard, where it is heard."""
    data = file.read_bytes()
    print(f"\n{file.name}\n  {loudness(file)}", flush=True)
    begun, first, seconds, partials = time.monotonic(), 0.0, 1.0, 0
    live = terminal.can_overwrite()
    with client.stream("POST", "transcripts", content=data, headers={"content-type": "audio/wav"}) as stream:
        for event in stream:
            if not isinstance(event, Data):
                continue
            value: Any = event.value
            if event.name == "audio":
                seconds = value["seconds"]
            elif event.name == "partial":
                partials += 1
                first = first or time.monotonic() - begun
                show_guess(value, seconds, live=live)
            elif event.name == "final":
                line = f"  {value['start']:.1f} to {value['end']:.1f} s:  {value['text']}"
                print(f"{CLEAR if live else ''}{terminal.wrapped(line, indent=17)}", flush=True)
            elif event.name == "transcript":
                took = time.monotonic() - begun
                said = SAID.get(file.name)
                print(
                    f"  {value['words']} words of {seconds:.1f} s in {took:.1f} s, the first after {first:.1f} s, {partials} guesses"
                )
                if said is not None:
                    print(terminal.wrapped(f"  was said:      {said}", indent=17), flush=True)


def show_guess(value: Any, seconds: float, *, live: bool) -> None:
    """A partial transcript: over the one before it where there is a terminal, else below it."""
    if live:
        bar = f"  {'─' * round(WIDTH * value['end'] / seconds)}╼ "
        room = terminal.width() - len(bar) - 1  # a line that breaks could not be written over
        newest = value["text"][-room:] if room > 0 else ""
        print(f"{CLEAR}{bar}{newest}", end="", flush=True)
    else:
        print(terminal.wrapped(f"  {value['end']:5.1f} s  {value['text']}", indent=11), flush=True)


def loudness(file: Path) -> str:
    """The recording as a row of bars; empty where it is no WAV file of 16 bits."""
    try:
        with wave.open(str(file)) as reader:
            samples = array.array("h", reader.readframes(reader.getnframes()))
    except (wave.Error, ValueError, EOFError):
        return ""
    step = max(1, len(samples) // WIDTH)
    peaks = [max(abs(sample) for sample in samples[place : place + step]) for place in range(0, len(samples) - step + 1, step)]
    highest = max(peaks, default=0) or 1
    return "".join(BARS[round(peak / highest * (len(BARS) - 1))] for peak in peaks)


if __name__ == "__main__":
    sys.exit(terminal.run(main))
