"""A mapping that works its values out when they are looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from constructs_pkg.assembly.intrinsics import NO_VALUE, is_intrinsic


class LazyMapping(Mapping[str, Any]):
    """A mapping whose values are worked out when looked at, and kept. A value that turns out NO_VALUE is not in it."""

    def __init__(self, raw: Mapping[str, Any], resolve: Callable[[str], Any]) -> None:
        self._raw = raw
        self._resolve = resolve
        self._known: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        value = self._value(name)
        if value is NO_VALUE:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return (name for name, raw in self._raw.items() if not is_intrinsic(raw) or self._value(name) is not NO_VALUE)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"LazyMapping({dict(self._raw)!r})"

    def _value(self, name: str) -> Any:
        if name not in self._known:
            if name not in self._raw:
                raise KeyError(name)
            self._known[name] = self._resolve(name)
        return self._known[name]
