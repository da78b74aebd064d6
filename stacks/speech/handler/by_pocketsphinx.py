"""PocketSphinx: a small recogniser of English that needs no service (https://pocketsphinx.readthedocs.io)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from audio import BYTES_OF_A_SAMPLE
from pocketsphinx import Decoder, Endpointer
from recogniser import Heard

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from audio import Audio

RATE = 16_000
PARTIAL_SECONDS = 0.25
PAUSE_SECONDS = 0.6
VOICE_SECONDS = 10.0
_VOICE = "voice"


class PocketSphinx:
    """One decoder, for one recording at a time."""

    rates = (RATE, RATE)  # of its acoustic model

    def __init__(self) -> None:
        self._decoder = Decoder(samprate=float(RATE), loglevel="FATAL")
        self._untouched, self._words = self._decoder.get_cmn(), self._decoder.current_search()
        self._decoder.add_keyphrase(_VOICE, "forward")  # any search that is quick: only its ears are wanted
        self._decoder.activate_search(self._words)

    async def start(self, audio: Audio) -> AsyncGenerator[Heard]:
        """Nothing can refuse: it is in this process."""
        return self._listen(audio)

    async def _listen(self, audio: Audio) -> AsyncGenerator[Heard]:
        self._get_used_to(audio)
        endpointer = Endpointer(window=PAUSE_SECONDS, vad_mode=1, sample_rate=RATE)
        number, partial, told, listening = 0, "", 0.0, False
        try:
            for frame, piece in enumerate(audio.pieces(endpointer.frame_bytes / BYTES_OF_A_SAMPLE / RATE), 1):
                await asyncio.sleep(0)  # lets go of the loop, and of a stream that is over
                whole = len(piece) == endpointer.frame_bytes
                speech = endpointer.process(piece) if whole else endpointer.end_stream(piece)
                if speech is None:
                    continue
                if not listening:
                    self._decoder.start_utt()
                    number, partial, listening = number + 1, "", True
                self._decoder.process_raw(speech)
                now = frame * endpointer.frame_length
                if not endpointer.in_speech:
                    listening = False
                    self._decoder.end_utt()
                    yield self._heard(number, endpointer.speech_start, endpointer.speech_end)
                elif now - told >= PARTIAL_SECONDS:
                    told = now
                    text = self._text()
                    if text and text != partial:
                        partial = text
                        yield Heard(number=number, final=False, text=text, start=endpointer.speech_start, end=now)
            if listening:  # it ended in the middle of a word
                listening = False
                self._decoder.end_utt()
                yield self._heard(number, endpointer.speech_start, audio.seconds)
        finally:
            if listening:
                self._decoder.end_utt()

    def _get_used_to(self, audio: Audio) -> None:
        """Forgets the voice and the microphone of before, so that nobody's words depend on another's, and takes in these."""
        decoder = self._decoder
        decoder.start_stream()
        decoder.set_cmn(self._untouched)
        decoder.activate_search(_VOICE)
        decoder.start_utt()
        decoder.process_raw(audio.pieces(VOICE_SECONDS)[0])
        decoder.end_utt()
        decoder.activate_search(self._words)

    def _heard(self, number: int, start: float, end: float) -> Heard:
        return Heard(number=number, final=True, text=self._text(), start=start, end=end)

    def _text(self) -> str:
        hypothesis = self._decoder.hyp()
        return hypothesis.hypstr if hypothesis is not None else ""


make = PocketSphinx
