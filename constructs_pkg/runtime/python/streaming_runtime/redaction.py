"""What must not leave is taken out of the text on its way, however the model cuts it into tokens. Pure.

Just as much is held back as could still become a match; what cannot leaves at once. So what has been sent, put together, is what `redact`
makes of the whole text, and no character of any match is ever sent.

A match is the longest at its place. Matches that overlap are taken out together, and one replacement stands for them: that of the first.
(Python's `re.sub` would take out the first and send the rest of the second.)
"""

from __future__ import annotations

import json

from .automaton import Automaton
from .events import compact_json
from .redaction_patterns import Redact, named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .automaton import State

SLICE = 65_536  # characters that are looked at in one go: what is known of each takes more memory than the text


class Redaction:
    """What is taken out, made ready once for all streams.

    Args:
        rules: Names of PATTERNS, and patterns of one's own. Where two match alike, the first counts.

    Raises:
        ValueError: `REDACTION_NAME` for a name that is none.
    """

    def __init__(self, rules: Sequence[str | Redact]) -> None:
        self.rules = [rule if isinstance(rule, Redact) else named(rule) for rule in rules]
        self.automaton = Automaton([(rule.source, rule.flags) for rule in self.rules])

    def stream(self) -> Redactor:
        """For one text that comes piece by piece."""
        return Redactor(self)

    def redact(self, text: str) -> str:
        """A whole text."""
        stream = Redactor(self)
        out = []
        for begin in range(0, len(text), SLICE):
            stream.add(text[begin : begin + SLICE])
            out.append(stream.take())
        return "".join((*out, stream.take(ended=True)))

    def redact_body(self, body: bytes, content_type: str) -> bytes:
        """A whole answer: JSON as `redact_value` has it, other text as one text. What is neither is left alone."""
        from .compression import is_text

        if not is_text(content_type):
            return body
        try:
            value = json.loads(body) if "json" in content_type.lower() else None
        except (ValueError, RecursionError):
            value = None
        if value is None:
            return self.redact(body.decode("utf-8", "replace")).encode()
        cleared = self.redact_value(value)
        return body if cleared == value else compact_json(cleared)

    def redact_value(self, value: Any) -> Any:
        """A JSON value: each string in it is a text of its own. Names of members stay as they are."""
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, dict):
            return {key: self.redact_value(member) for key, member in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.redact_value(element) for element in value]
        return value


class Redactor:
    """One text, piece by piece.

    Every place is tried as the beginning of a match, one after the other; what is held begins with the place that is being tried.

    Attributes:
        received: Characters that came so far.
        decided: How many of them have left, as they were or as a part of a match.
    """

    __slots__ = ("_at", "_automaton", "_best", "_covered", "_held", "_rules", "_sets", "_state", "decided", "received")

    def __init__(self, redaction: Redaction) -> None:
        self._automaton = redaction.automaton
        self._rules = redaction.rules
        self._held = ""
        self._sets: list[int] = []  # of each character held, what the automaton says of it
        self._state: State = self._automaton.start(0)
        self._at = 0  # how far the candidate has been followed
        self._best: tuple[int, int] | None = None  # its longest match so far: where it ends, and its rule
        self._covered = 0  # how much of what is held is taken out already
        self.received = 0
        self.decided = 0

    def add(self, text: str) -> None:
        """Takes the next piece."""
        self._held += text
        self._sets += self._automaton.sets(text)
        self.received += len(text)

    def take(self, until: int | None = None, *, ended: bool = False) -> str:
        """Returns what may leave, once.

        Args:
            until: Leaves alone what comes from this character of the whole text on. Default: all that came.
            ended: Nothing more will be added: what is held is no beginning of anything any more.
        """
        held, sets = self._held, self._sets
        automaton, first = self._automaton, self._automaton.first
        state, at, best, covered = self._state, self._at, self._best, self._covered
        length, last = len(sets), len(sets) if until is None else until - self.decided
        begin, clear = 0, covered  # the place that is tried; and from where on text may leave, once its place was tried
        out: list[str] = []
        while begin < last:
            if at == begin and not sets[begin] & first:
                begin += 1
                while begin < last and not sets[begin] & first:
                    begin += 1
                state, at = automaton.start(sets[begin - 1]), begin
                continue
            following: State | None = state
            while following is not None:
                state = following
                if state.verdict is not None or at == length:
                    break
                accepted, following = state.steps.get(sets[at]) or automaton.step(state, sets[at])
                if accepted:
                    best = self._better(best, begin, at, accepted)
                at += 1
            if following is not None:  # not refuted: it is a match, or nobody knows yet
                if state.verdict is None and not ended:
                    break
                accepted = automaton.end(state) if state.verdict is None else state.verdict
                best = self._better(best, begin, at, accepted)
            if best is not None:
                end, rule = best
                if covered <= begin:
                    out += (held[clear:begin], self._rules[rule].replacement)
                clear = covered = max(covered, end)
                best = None
            begin += 1
            state, at = automaton.start(sets[begin - 1]), begin
        if clear < begin:
            out.append(held[clear:begin])
        self._held, self._sets = held[begin:], sets[begin:]
        self._state, self._at, self._covered = state, at - begin, max(0, covered - begin)
        self._best = None if best is None else (best[0] - begin, best[1])
        self.decided += begin
        return "".join(out)

    def _better(self, best: tuple[int, int] | None, begin: int, end: int, accepted: tuple[int, ...]) -> tuple[int, int] | None:
        """The longer match of two: the later one, where it counts."""
        for rule in accepted:
            check = self._rules[rule].check
            if check is None or check(self._held[begin:end]):
                return end, rule
        return best
