"""What the fronts share: the functions that can be called, and the gate before them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from constructs_pkg.emulator.iam import Authorizer, Principal, Principals, SignedRequest, verify
from constructs_pkg.emulator.invocation import FunctionError, Invocation

if TYPE_CHECKING:
    from collections.abc import Callable

    from constructs_pkg.emulator.concurrency import FunctionConcurrency
    from constructs_pkg.emulator.functions import Function
    from constructs_pkg.emulator.http_server import HttpRequest


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Gate:
    """Who is calling, and may they. `now` can be set, so that clocks that disagree can be tried."""

    principals: Principals
    authorizer: Authorizer
    now: Callable[[], datetime] = _utc_now

    def identify(self, request: HttpRequest, *, service: str, region: str) -> Principal | None:
        """Whose signature a request carries.

        Raises:
            SignatureRefusal: none, or one that does not hold.
        """
        signed = SignedRequest(
            method=request.method,
            raw_path=request.raw_path,
            raw_query=request.raw_query,
            headers=request.headers,
            body=request.body,
        )
        signature = verify(signed, lookup=self.principals.credentials, now=self.now(), region=region, service=service)
        return self.principals.by_access_key(signature.credentials.access_key_id)


class FunctionService:
    """A function as it can be called: its configuration, and its environments, unless it is broken."""

    def __init__(self, function: Function, concurrency: FunctionConcurrency | None, *, broken: str | None) -> None:
        self.function = function
        self.broken = broken
        self._concurrency = concurrency

    @property
    def concurrency(self) -> FunctionConcurrency | None:
        """The environments; None for a broken function."""
        return self._concurrency

    def invoked_arn(self, qualifier: str | None) -> str:
        """The ARN that a call by this qualifier invokes."""
        return f"{self.function.arn}:{qualifier}" if qualifier else self.function.arn

    async def invoke(self, qualifier: str | None, invocation: Invocation) -> None:
        """Runs an invocation on the version behind a qualifier.

        Raises:
            Throttled: no concurrency is left.
        """
        version = self.function.version_of(qualifier)
        if self._concurrency is None or version is None:
            reason = self.broken or f"QUALIFIER_UNKNOWN: {self.function.name} has no alias or version {qualifier}"
            invocation.fail(
                FunctionError.of_platform("Runtime.InvalidEntrypoint", f"RequestId: {invocation.request_id} Error: {reason}")
            )
            return
        await self._concurrency.invoke(version, invocation)
