"""What answers in place of a Bedrock model: a local one, an echo, or a script."""

from constructs_pkg.emulator.models.base import ChatMessage, ChatRequest, Completion, Delta, Model, ModelFailure, ModelUnavailable
from constructs_pkg.emulator.models.echo import EchoModel
from constructs_pkg.emulator.models.scripted import ScriptedModel

__all__ = [
    "ChatMessage",
    "ChatRequest",
    "Completion",
    "Delta",
    "EchoModel",
    "Model",
    "ModelFailure",
    "ModelUnavailable",
    "ScriptedModel",
]
