"""How an environment of a function is started."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Launch:
    """What to run.

    Attributes:
        argv: The program and its arguments, in Lambda's own paths (/var/task, /opt, /var/runtime).
        variables: Environment variables that this kind of function has beside Lambda's usual ones, in Lambda's own paths.
        runtime: What /var/runtime is.
        description: What runs it, for the log: `Python 3.13`.
        frames: Whether the runtime writes log records to a telemetry descriptor.
        hidden: Folders of this machine that it needs and that must therefore not lie under one of Lambda's own paths.
    """

    argv: tuple[str, ...]
    runtime: Path
    description: str
    variables: Mapping[str, str] = field(default_factory=dict)
    hidden: tuple[Path, ...] = ()
    frames: bool = False
