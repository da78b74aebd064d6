"""Loads a handler's modules as Lambda would, by their bare names, without leaving them to the next handler that has the same names."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

STACKS = Path(__file__).parents[2] / "stacks"


def load(stack: str, *names: str) -> SimpleNamespace:
    """The modules `names` of `stacks/<stack>/handler`, each as an attribute."""
    folder = str(STACKS / stack / "handler")
    before = dict(sys.modules)
    sys.path.insert(0, folder)
    try:
        return SimpleNamespace(**{name: importlib.import_module(name) for name in names})
    finally:
        sys.path.remove(folder)
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None) or "").startswith(folder) and name not in before:
                del sys.modules[name]
