"""Runs a synthesized app's streaming functions on one machine, chunk by chunk. Loads neither aws_cdk nor jsii.

from constructs_pkg.emulator import Emulator

with Emulator(Path("cdk.out"), model="echo") as emulator:
    emulator.urls, emulator.principals, emulator.json()
"""

from constructs_pkg.emulator.emulator import Emulator, NothingToRun
from constructs_pkg.emulator.http_server import PortInUse
from constructs_pkg.emulator.models import Completion, EchoModel, Model, ModelFailure, ModelUnavailable, ScriptedModel

__all__ = [
    "Completion",
    "EchoModel",
    "Emulator",
    "Model",
    "ModelFailure",
    "ModelUnavailable",
    "NothingToRun",
    "PortInUse",
    "ScriptedModel",
]
