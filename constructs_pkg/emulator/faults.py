"""Faults on demand: what goes wrong on AWS now and then, made to happen here at the very call, byte or word that a test wants.

Nothing is left to chance: a fault counts the calls that it could hit, and says which of them it does. Each is written as on the command
line, `KIND[:VALUE][,NAME=VALUE...][@FUNCTION]`:

    kill:100@Chat/Function        the process dies when 100 bytes of the answer's body have gone out
    stall:5,after=20              nothing comes for 5 seconds, 20 bytes into the body
    slow-reader:1000              the caller reads 1000 bytes a second
    reset:100                     the caller's TCP connection is reset after 100 bytes; the function runs on
    throttle:3                    429 for the next 3 calls; throttle:1/4 for one call in 4
    cold-start:2.5                every init phase takes 2.5 seconds longer
    clock-skew:600                the verifier's clock is 600 seconds ahead of the caller's, or behind it with -600
    model-throttle:2              Bedrock refuses the next 2 calls
    model-error:3                 the model fails after 3 pieces of text, in the middle of the stream
    model-stall:20,after=3        the model is silent for 20 seconds after 3 pieces

Each takes `times=N` (at most so many hits), `every=N` (only each Nth call) and `skip=N` (not the first N calls).
"""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from constructs_pkg.emulator.concurrency import Throttled
from constructs_pkg.emulator.fault_sinks import KillingSink, ResettingSink, SlowSink, StallingSink

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from constructs_pkg.emulator.functions import Function
    from constructs_pkg.emulator.invocation import Invocation

THROTTLE_REASON = "CallerRateLimitExceeded"
"""The reason in a 429 that a fault makes; one of https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors."""

MODEL_ERROR = "ModelStreamErrorException"

_SPEC = re.compile(r"^(?P<kind>[a-z-]+)(?::(?P<value>[^,@=]*))?(?P<options>(?:,[a-z]+=[^,@]*)*)(?:@(?P<function>.+))?$")


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """What a kind of fault takes.

    Attributes:
        value: What its value is, for messages; None where it takes none.
        default: The value where none is given; None where one has to be.
        least: The least value.
        whole: Whether the value is a whole number.
        after: Default of `after`; None where it takes none.
        of_function: Whether it can be for one function alone.
    """

    value: str | None
    default: float | None = None
    least: float = 0.0
    whole: bool = False
    after: int | None = None
    of_function: bool = True


KINDS = {
    "kill": _Kind(value="bytes of the answer's body", default=1, whole=True),
    "stall": _Kind(value="seconds", after=1),
    "slow-reader": _Kind(value="bytes a second", least=1),
    "reset": _Kind(value="bytes of the answer's body", default=1, whole=True),
    "throttle": _Kind(value="calls, or a part of them such as 1/4", default=0, whole=True),
    "cold-start": _Kind(value="seconds"),
    "clock-skew": _Kind(value="seconds", least=-1e9, of_function=False),
    "model-throttle": _Kind(value="calls, or a part of them such as 1/4", default=0, whole=True, of_function=False),
    "model-error": _Kind(value="pieces of text", default=1, whole=True, of_function=False),
    "model-stall": _Kind(value="seconds", after=1, of_function=False),
}


@dataclass
class Fault(AbstractContextManager["Fault"]):
    """One fault. Leaving its `with` block removes it.

    Attributes:
        kind: One of `KINDS`.
        value: The kind's own quantity.
        after: How much goes well before it: bytes of the body, or pieces of text for a model's.
        function: Construct path, name or logical id of the function that it is for; None for all.
        times: How often it hits at most; None for always.
        every: Of so many calls it hits the first.
        skip: So many calls go well before the first.
        shape: Of `model-error`: Bedrock's error.
        text: As it was written.
        hits: How often it has hit.
    """

    kind: str
    value: float = 0.0
    after: int = 0
    function: str | None = None
    times: int | None = None
    every: int = 1
    skip: int = 0
    shape: str = MODEL_ERROR
    text: str = ""
    hits: int = 0
    _seen: int = 0
    _owner: Faults | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Reads a fault as written on the command line.

        Raises:
            ValueError: `FAULT_UNKNOWN` or `FAULT_VALUE`, in one line.
        """
        found = _SPEC.match(text)
        kind = KINDS.get(found["kind"]) if found else None
        if found is None or kind is None:
            raise ValueError(
                f"FAULT_UNKNOWN: {text!r}; write KIND[:VALUE][,NAME=VALUE...][@FUNCTION], where KIND is one of {', '.join(KINDS)}"
            )
        fault = cls(kind=found["kind"], function=found["function"], after=kind.after or 0, text=text)
        if fault.function is not None and not kind.of_function:
            raise _bad(text, f"{fault.kind} is for the whole emulator; leave @{fault.function} out")
        fault._read_value(text, kind, found["value"])
        for option in filter(None, found["options"].split(",")):
            name, _, value = option.partition("=")
            fault._read_option(text, kind, name, value)
        return fault

    def _read_value(self, text: str, kind: _Kind, value: str | None) -> None:
        part, slash, whole = (value or "").partition("/")
        if slash and kind.default == 0:
            if part != "1" or not whole.isdecimal() or int(whole) < 1:
                raise _bad(text, "a part of the calls is written 1/N")
            self.every = int(whole)
            return
        if not value:
            if kind.default is None:
                raise _bad(text, f"{self.kind} needs its {kind.value}, such as {self.kind}:5")
            self.value = kind.default
            return
        try:
            self.value = int(value) if kind.whole else float(value)
        except ValueError as error:
            raise _bad(text, f"{value!r} is no number of {kind.value}") from error
        if not kind.least <= self.value <= 1e9:
            raise _bad(text, f"{value} {kind.value}; allowed: {kind.least:g} to 1e9")
        if kind.default == 0:
            self.times = int(self.value)

    def _read_option(self, text: str, kind: _Kind, name: str, value: str) -> None:
        if name == "shape" and self.kind == "model-error":
            self.shape = value
            return
        known = ["times", "every", "skip", *(["after"] if kind.after is not None else [])]
        if name not in known:
            raise _bad(text, f"{name} is not one of {', '.join(known)}")
        if not value.isdecimal() or (name == "every" and int(value) < 1):
            raise _bad(text, f"{name}={value} is no number that it can be")
        setattr(self, name, int(value))

    def concerns(self, function: Function) -> bool:
        """Whether it is for this function."""
        return self.function in (None, function.path, function.name, function.logical_id)

    def hit(self) -> bool:
        """Counts one more call that it could hit, and says whether it does."""
        self._seen += 1
        turn = self._seen - self.skip - 1
        if turn < 0 or turn % self.every or (self.times is not None and self.hits >= self.times):
            return False
        self.hits += 1
        return True

    def remove(self) -> None:
        """From here on it hits nothing any more."""
        if self._owner is not None:
            self._owner.remove(self)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.remove()


class Faults:
    """The faults of an emulator. Calls are counted from the moment that a fault is added; several add up."""

    def __init__(self, faults: Iterable[str | Fault] = (), *, functions: Iterable[Function] = ()) -> None:
        """
        Args:
            faults: To begin with.
            functions: Those that a fault may be for.

        Raises:
            ValueError: `FAULT_UNKNOWN`, `FAULT_VALUE` or `FAULT_FUNCTION`.
        """
        self.functions = list(functions)
        self._active: list[Fault] = []
        for fault in faults:
            self.add(fault)

    def add(self, fault: str | Fault) -> Fault:
        """Adds a fault, until it is removed or its `with` block ends.

        Args:
            fault: Such as `kill:100@Chat/Function`.

        Raises:
            ValueError: `FAULT_UNKNOWN`, `FAULT_VALUE`, or `FAULT_FUNCTION` where it is for a function that the app does not have.
        """
        added = Fault.parse(fault) if isinstance(fault, str) else fault
        if added.function is not None and not any(added.concerns(function) for function in self.functions):
            known = ", ".join(function.path for function in self.functions)
            raise ValueError(
                f"FAULT_FUNCTION: the app has no function {added.function}; it has {known}; give one's path, name or logical id"
            )
        added._owner = self
        # A new list each time: the emulator's thread may be walking along the old one.
        self._active = [*self._active, added]
        return added

    def remove(self, fault: Fault) -> None:
        """Takes a fault away; streams that it has already got hold of stay as they are."""
        self._active = [one for one in self._active if one is not fault]

    def clear(self) -> None:
        """Takes all faults away."""
        self._active = []

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._active)

    def __len__(self) -> int:
        return len(self._active)

    def apply(self, function: Function, invocation: Invocation) -> None:
        """Gives an invocation what is meant for it.

        Raises:
            Throttled: a fault refuses it.
        """
        for fault in self._hitting("throttle", function):
            raise Throttled(THROTTLE_REASON if fault.kind else "")
        for fault in self._hitting("kill", function):
            invocation.sink = KillingSink(invocation.sink, int(fault.value), invocation)
        for fault in self._hitting("reset", function):
            invocation.sink = ResettingSink(invocation.sink, int(fault.value), invocation)
        for fault in self._hitting("stall", function):
            invocation.sink = StallingSink(invocation.sink, fault.after, invocation, seconds=fault.value)
        for fault in self._hitting("slow-reader", function):
            invocation.sink = SlowSink(invocation.sink, invocation, bytes_per_second=fault.value)

    def cold_start_seconds(self, function: Function) -> float:
        """How much longer the init phase of an environment that starts now takes."""
        return sum(fault.value for fault in self._hitting("cold-start", function))

    def now(self) -> datetime:
        """The time by which signatures are judged; asked once for each."""
        now = datetime.now(UTC)
        if self._active:
            now += timedelta(seconds=sum(fault.value for fault in self._hitting("clock-skew")))
        return now

    def of_model(self, kind: str) -> list[Fault]:
        """The faults of this kind that hit the call of the model that begins now."""
        return list(self._hitting(kind))

    def _hitting(self, kind: str, function: Function | None = None) -> Iterator[Fault]:
        for fault in self._active:
            if fault.kind == kind and (function is None or fault.concerns(function)) and fault.hit():
                yield fault


def _bad(text: str, why: str) -> ValueError:
    return ValueError(f"FAULT_VALUE: {text!r}: {why}")
