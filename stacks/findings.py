"""What cdk-nag's packs find in the examples and is meant so: said once for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import Acknowledgment, Validations

if TYPE_CHECKING:
    from constructs import IConstruct

_NEWEST_RUNTIME: Final = "python3.13 is the newest runtime that the runtime layer's tests run on"


def acknowledge(construct: IConstruct, finding: str, reason: str) -> None:
    """Acknowledges one finding on `construct` and below it, such as `AwsSolutions-S1`; its pack is what stands before the hyphen."""
    pack = finding.partition("-")[0]
    Validations.of(construct).acknowledge(Acknowledgment(id=f"{pack}::{finding}", reason=reason))


def acknowledge_newest_runtime(function: IConstruct) -> None:
    """That there is a newer Python than the one we could run."""
    for finding in ("AwsSolutions-L1", "Serverless-LambdaLatestVersion"):
        acknowledge(function, finding, _NEWEST_RUNTIME)
