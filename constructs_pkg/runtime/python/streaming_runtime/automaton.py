"""Regular expressions as one automaton: after each character it is known whether a match can still come of it. Pure.

Python's own `re` cannot say that of a text which goes on, and it may take exponential time. This reads the same expressions (by `re`'s own
parser) as far as their matches are bounded, and takes the longest match where `re` would take the first that it tries.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

LONGEST = 4_096  # characters of one match: what may have to be held back
LARGEST = 50_000  # nodes: a counted repeat is written out
MOST_STATES = 10_000  # of the automaton, before it is built anew: text that never comes again must not fill the memory
MOST_CHARACTERS = 8_192  # whose sets are remembered
_SINGLE = ("LITERAL", "NOT_LITERAL", "ANY", "IN")
_CATEGORIES = {
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w",
    "CATEGORY_NOT_WORD": r"\W",
}
_READ, _SPLIT, _BEHIND, _AHEAD, _BOUNDARY, _ACCEPT = range(6)


class State:
    """Where a candidate for a match stands.

    Attributes:
        verdict: Where the next character changes nothing any more: the patterns that match, best first, perhaps none. None: it may.
    """

    __slots__ = ("behind", "nodes", "steps", "verdict")

    def __init__(self, nodes: frozenset[int], behind: int) -> None:
        self.nodes = nodes
        self.behind = behind
        self.steps: dict[int, tuple[tuple[int, ...], State | None]] = {}
        self.verdict: tuple[int, ...] | None = None


class _Sets(dict[str, int]):
    """Of each character the sets that it is in, as bits."""

    def __init__(self) -> None:
        super().__init__()
        self.tests: list[Callable[[str], object]] = []
        self._numbers: dict[tuple[str, int], int] = {}

    def bit(self, source: str, flags: int) -> int:
        """The bit of the set that this expression for one character means."""
        import re

        key = (source, flags & (re.IGNORECASE | re.ASCII | re.DOTALL))
        if key not in self._numbers:
            self._numbers[key] = len(self.tests)
            self.tests.append(re.compile(*key).fullmatch)
        return 1 << self._numbers[key]

    def __missing__(self, character: str) -> int:
        if len(self) >= MOST_CHARACTERS:
            self.clear()
        bits = sum(1 << number for number, test in enumerate(self.tests) if test(character))
        self[character] = bits
        return bits


class Automaton:
    """Several expressions, matched at once.

    Args:
        patterns: Sources and flags, as `re.compile` takes them. Where two match equally far, the first counts.

    Raises:
        ValueError: `REDACTION_PATTERN`, `REDACTION_UNBOUNDED`, `REDACTION_EMPTY`, `REDACTION_TOO_LONG`, `REDACTION_TOO_LARGE` or
            `REDACTION_UNSUPPORTED` for an expression that cannot be used.

    Attributes:
        longest: Characters of the longest match there can be.
        first: The sets of which a character must be in one for a match to begin with it.
    """

    def __init__(self, patterns: Sequence[tuple[str, int]]) -> None:
        self._sets = _Sets()
        self._nodes: list[tuple[int, Any, tuple[int, ...]]] = []
        self._looks_behind = 0
        self.longest = 0
        entries = []
        for number, (source, flags) in enumerate(patterns):
            builder = _Builder(source, flags, self._sets, self._nodes)
            entries.append(builder.build(number))
            self._looks_behind |= builder.looks_behind
            self.longest = max(self.longest, builder.longest)
        self._entry = frozenset(entries)
        self.first = 0
        for node in self._reached(entries):
            kind, value, _ = self._nodes[node]
            self.first |= value if kind == _READ else 0
        self._states: dict[tuple[frozenset[int], int], State] = {}
        self._starts: dict[int, State] = {}

    def sets(self, text: str) -> list[int]:
        """Of each character what the automaton needs to know of it."""
        return list(map(self._sets.__getitem__, text))

    def start(self, behind: int) -> State:
        """The state before the first character of a candidate.

        Args:
            behind: What `sets` says of the character before it. 0: there is none.
        """
        behind &= self._looks_behind
        state = self._starts.get(behind)
        if state is None:
            state = self._starts[behind] = self._state(self._entry, behind)
        return state

    def step(self, state: State, sets: int) -> tuple[tuple[int, ...], State | None]:
        """Looks at one more character, which `state.steps` knows from then on.

        Returns:
            What matches end before it, and where the candidate stands after it. None: it is none.
        """
        accepted, reads = self._closure(state.nodes, state.behind, sets)
        after = frozenset(following for test, following in reads if sets & test)
        state.steps[sets] = known = (accepted, self._state(after, sets) if after else None)
        return known

    def end(self, state: State) -> tuple[int, ...]:
        """What matches end here, there being no further character."""
        return self._closure(state.nodes, state.behind, 0)[0]

    def _state(self, nodes: frozenset[int], behind: int) -> State:
        key = (nodes, behind & self._looks_behind)
        state = self._states.get(key)
        if state is None:
            if len(self._states) >= MOST_STATES:
                self._states.clear()
                self._starts.clear()
            state = self._states[key] = State(*key)
            if self._is_settled(nodes):
                state.verdict = self._closure(nodes, behind, 0)[0]
        return state

    def _closure(self, nodes: Iterable[int], behind: int, ahead: int) -> tuple[tuple[int, ...], list[tuple[int, int]]]:
        """What is reached without reading: the accepted patterns, and what could be read then (a set's bit, and what follows)."""
        accepted: set[int] = set()
        reads: list[tuple[int, int]] = []
        seen = set(nodes)
        waiting = list(seen)
        while waiting:
            kind, value, following = self._nodes[waiting.pop()]
            if kind == _READ:
                reads.append((value, following[0]))
                continue
            if kind == _ACCEPT:
                accepted.add(value)
                continue
            if kind != _SPLIT:
                bit, negated = value
                around = (behind if kind == _BEHIND else ahead) & bit
                holds = around != behind & bit if kind == _BOUNDARY else around != 0
                if holds == negated:
                    continue
            for node in following:
                if node not in seen:
                    seen.add(node)
                    waiting.append(node)
        return tuple(sorted(accepted)), reads

    def _is_settled(self, nodes: Iterable[int]) -> bool:
        """Whether no further character can change what this state means."""
        return not any(self._nodes[node][0] in (_READ, _AHEAD, _BOUNDARY) for node in self._reached(nodes))

    def _reached(self, nodes: Iterable[int]) -> set[int]:
        """What is reached without reading, if every condition holds."""
        seen = set(nodes)
        waiting = list(seen)
        while waiting:
            kind, _, following = self._nodes[waiting.pop()]
            fresh = [node for node in following if kind != _READ and node not in seen]
            seen.update(fresh)
            waiting += fresh
        return seen


class _Builder:
    """Writes one expression out as nodes, from its end to its beginning, so that each knows what follows it."""

    def __init__(self, source: str, flags: int, sets: _Sets, nodes: list[tuple[int, Any, tuple[int, ...]]]) -> None:
        from importlib import import_module
        from re import error

        self._source = source
        self._sets = sets
        self._nodes = nodes
        self.looks_behind = 0
        try:
            self._tree: Any = import_module("re._parser").parse(source, flags)
        except (error, TypeError, OverflowError, RecursionError) as reason:
            raise self._refused("PATTERN", f"which is no regular expression ({reason})", "one of str", "mend it") from reason
        shortest, self.longest = self._width(self._tree)
        if shortest == 0:
            raise self._refused("EMPTY", "which also matches nothing", "one character or more", "make a part of it mandatory")
        if self.longest > LONGEST:
            raise self._refused(
                "TOO_LONG", f"which matches up to {self.longest} characters", f"up to {LONGEST}", "lower what its repeats allow"
            )

    def build(self, number: int) -> int:
        """Adds the nodes. Returns the first."""
        return self._sequence(self._tree, self._tree.state.flags, self._add(_ACCEPT, number))

    def _width(self, items: Any) -> tuple[int, int]:
        """Shortest and longest match of a sequence."""
        low = high = 0
        for operation, argument in items:
            shortest, longest = self._width_of(str(operation), argument)
            low, high = low + shortest, high + longest
        return low, high

    def _width_of(self, kind: str, argument: Any) -> tuple[int, int]:
        if kind in _SINGLE:
            return 1, 1
        if kind == "SUBPATTERN":
            return self._width(argument[3])
        if kind == "BRANCH":
            widths = [self._width(branch) for branch in argument[1]]
            return min(low for low, _ in widths), max(high for _, high in widths)
        if kind in ("MAX_REPEAT", "MIN_REPEAT"):
            least, most, items = argument
            low, high = self._width(items)
            if high and str(most) == "MAXREPEAT":
                raise self._refused(
                    "UNBOUNDED",
                    "a repeat without an upper end: its match could be of any length, and all text would have to be held back",
                    "repeats with an upper end",
                    r"write \d{1,20} for \d+ and .{0,80} for .*",
                )
            return low * int(least), high * int(most) if high else 0
        if kind in ("AT", "ASSERT", "ASSERT_NOT"):
            return 0, 0  # these look, and read nothing
        raise self._unsupported(f"with {kind}")

    def _sequence(self, items: Any, flags: int, following: int) -> int:
        for operation, argument in reversed(list(items)):
            following = self._item(str(operation), argument, flags, following)
        return following

    def _item(self, kind: str, argument: Any, flags: int, following: int) -> int:
        if kind in _SINGLE:
            return self._add(_READ, self._sets.bit(_source_of(kind, argument), flags), following)
        if kind == "SUBPATTERN":
            _, added, removed, items = argument
            return self._sequence(items, (flags | added) & ~removed, following)
        if kind == "BRANCH":
            return self._add(_SPLIT, None, *(self._sequence(branch, flags, following) for branch in argument[1]))
        if kind in ("MAX_REPEAT", "MIN_REPEAT"):
            return self._repeat(argument, flags, following)
        if kind == "AT" and str(argument) in ("AT_BOUNDARY", "AT_NON_BOUNDARY"):
            bit = self._sets.bit(r"\w", flags)
            self.looks_behind |= bit
            return self._add(_BOUNDARY, (bit, str(argument) == "AT_NON_BOUNDARY"), following)
        if kind in ("ASSERT", "ASSERT_NOT"):
            return self._look(argument, kind == "ASSERT_NOT", flags, following)
        raise self._unsupported(f"with {argument}")

    def _repeat(self, argument: Any, flags: int, following: int) -> int:
        least, most, items = argument
        if self._width(items)[1] == 0:
            least, most = min(least, 1), 1 if most else 0  # what reads nothing is the same once and ten times
        after = following
        for _ in range(int(most) - int(least)):
            following = self._add(_SPLIT, None, self._sequence(items, flags, following), after)
        for _ in range(int(least)):
            following = self._sequence(items, flags, following)
        return following

    def _look(self, argument: Any, negated: bool, flags: int, following: int) -> int:
        direction, items = argument
        listed = list(items)
        if len(listed) != 1 or str(listed[0][0]) not in _SINGLE:
            raise self._unsupported("that looks further than one character")
        bit = self._sets.bit(_source_of(str(listed[0][0]), listed[0][1]), flags)
        if direction < 0:
            self.looks_behind |= bit
        return self._add(_BEHIND if direction < 0 else _AHEAD, (bit, negated), following)

    def _add(self, kind: int, value: Any, *following: int) -> int:
        if len(self._nodes) >= LARGEST:
            raise self._refused("TOO_LARGE", f"whose repeats come to more than {LARGEST} places", "fewer", "write it shorter")
        self._nodes.append((kind, value, following))
        return len(self._nodes) - 1

    def _unsupported(self, found: str) -> ValueError:
        allowed = r"characters, sets, groups, alternatives, bounded repeats, \b, and looking one character ahead or behind"
        return self._refused("UNSUPPORTED", found, allowed, "write it without")

    def _refused(self, code: str, found: str, allowed: str, mend: str) -> ValueError:
        return ValueError(f"REDACTION_{code}: found {self._source!r}, {found}; allowed: {allowed}; {mend}")


def _source_of(kind: str, argument: Any) -> str:
    """An expression for one character, written anew."""
    if kind == "ANY":
        return "."
    if kind == "LITERAL":
        return _escaped(argument)
    if kind == "NOT_LITERAL":
        return f"[^{_escaped(argument)}]"
    members = []
    for operation, value in argument:
        what = str(operation)
        if what == "NEGATE":
            members.append("^")
        elif what == "LITERAL":
            members.append(_escaped(value))
        elif what == "RANGE":
            members.append(f"{_escaped(value[0])}-{_escaped(value[1])}")
        else:
            members.append(_CATEGORIES[str(value)])
    return f"[{''.join(members)}]"


def _escaped(character: int) -> str:
    return f"\\U{character:08x}"
