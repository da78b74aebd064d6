"""Every construct of the library in its fullest form: what cdk-nag, cfn-lint, CloudFormation's validator, bandit and mypy look at.

A parameter that a construct gets has its place here; `tests/constructs/test_gallery.py` misses it otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import Validations

from constructs_pkg import StreamingChecks

from .base import IRELAND, VIRGINIA
from .blocks import Blocks, Watch
from .chat import Chat
from .fronts import Fronts
from .imports import Imports
from .kinds import Kinds

if TYPE_CHECKING:
    from aws_cdk import App

MEANT_SO: Final = {"DEFAULT_NOT_KEPT:Chat/Public": "its answers are one line; 512 MB are enough"}


def build(app: App) -> None:
    """Fills `app`: stacks in two regions, one in none, and the checks of the whole."""
    Kinds(app, "Kinds", env=VIRGINIA)
    Chat(app, "Chat", env=IRELAND)
    Fronts(app, "FrontsThere", env=IRELAND)
    Fronts(app, "FrontsHere", env=VIRGINIA)
    Watch(app, "Watch", env=IRELAND, blocks=Blocks(app, "Blocks", env=IRELAND))
    Blocks(app, "Anywhere")
    Imports(app, "Imports", env=IRELAND)
    Validations.of(app).add_plugins(
        StreamingChecks(
            acknowledge=MEANT_SO,
            enforce_defaults=True,
        )
    )
