"""A refusal as the caller sees it: AWS's status, headers and JSON."""

from __future__ import annotations

from dataclasses import dataclass

from constructs_pkg.emulator.iam.policies import Decision
from constructs_pkg.emulator.iam.sigv4 import SignatureRefusal


@dataclass(frozen=True, kw_only=True)
class RefusalResponse:
    """`headers` lack the request id, date and length, which the front adds."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def function_url_refusal(refusal: SignatureRefusal | Decision) -> RefusalResponse:
    """What a Function URL answers."""
    raise NotImplementedError


def api_refusal(refusal: SignatureRefusal | Decision) -> RefusalResponse:
    """What an AWS JSON API (Lambda's Invoke, Bedrock) answers."""
    raise NotImplementedError
