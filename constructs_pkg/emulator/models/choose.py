"""Which model answers, by the name that a person gives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from constructs_pkg.emulator.models.echo import EchoModel
from constructs_pkg.emulator.models.openai_server import OpenAiServer
from constructs_pkg.emulator.models.smollm2 import SmolLM2

if TYPE_CHECKING:
    from constructs_pkg.assembly import CloudAssembly
    from constructs_pkg.emulator.models.base import Model


def choose_model(model: str | Model | None, assembly: CloudAssembly) -> tuple[Model | None, bool]:
    """The model, and whether the emulator must not start without it.

    Args:
        model: `auto`, `smollm2`, `echo`, `echo:20`, the URL of a server that speaks OpenAI's API, a Model, or None.
        assembly: Whose policies tell whether Bedrock is used at all.

    Raises:
        ValueError: `MODEL_UNKNOWN`.
    """
    if model is None or not isinstance(model, str):
        return model, True
    if model == "auto":
        wanted = any("bedrock:" in json.dumps(stack.template) for stack in assembly.stacks)
        return (SmolLM2() if wanted else None), False
    if model == "smollm2":
        return SmolLM2(), True
    if model.startswith(("http://", "https://")):
        return OpenAiServer(model), True
    name, _, pace = model.partition(":")
    if name == "echo":
        try:
            return EchoModel(float(pace or 0)), True
        except ValueError as error:
            raise ValueError(
                f"MODEL_UNKNOWN: the pace in {model!r} is no number; write echo:20 for 20 tokens a second"
            ) from error
    raise ValueError(
        f"MODEL_UNKNOWN: {model!r}; smollm2, echo, echo:20 (tokens a second) and the URL of a server with OpenAI's API are allowed"
    )
