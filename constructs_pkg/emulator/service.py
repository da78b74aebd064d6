"""What the fronts share: the functions that can be called, and the gate before them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from constructs_pkg.emulator.concurrency import Throttled
from constructs_pkg.emulator.iam import SignedRequest, verify
from constructs_pkg.emulator.invocation import FunctionError, Invocation

if TYPE_CHECKING:
    from collections.abc import Callable

    from constructs_pkg.emulator.concurrency import FunctionConcurrency
    from constructs_pkg.emulator.faults import Faults
    from constructs_pkg.emulator.functions import Function
    from constructs_pkg.emulator.http_server import HttpRequest
    from constructs_pkg.emulator.iam import Authorizer, Decision, Principal, Principals
    from constructs_pkg.emulator.telemetry import FunctionTelemetry


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Gate:
    """Who is calling, and may they."""

    def __init__(self, *, principals: Principals, authorizer: Authorizer, now: Callable[[], datetime] = _utc_now) -> None:
        """
        Args:
            principals: Who exists.
            authorizer: What the template's policies allow.
            now: The time, for signatures; can be set, so that clocks that disagree can be tried.
        """
        self.principals = principals
        self.authorizer = authorizer
        self._now = now
        self._second = 0
        self._decisions: dict[tuple[str | None, ...], Decision] = {}

    def authorize_url(self, principal: Principal | None, function_arn: str, auth_type: str, request: HttpRequest) -> Decision:
        """Whether a call of a Function URL is allowed.

        Within a second the same call is decided once: the policies do not change, and aws:CurrentTime has no finer grain.
        """
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._decisions.clear()
        user_agent = request.header("user-agent") or ""
        key = (principal.arn if principal is not None else None, function_arn, auth_type, request.peer, user_agent)
        decision = self._decisions.get(key)
        if decision is None:
            context = request_context(request)
            decision = self.authorizer.authorize_function_url(principal, function_arn, auth_type, context)
            self._decisions[key] = decision
        return decision

    def identify(self, request: HttpRequest, *, service: str, region: str) -> Principal | None:
        """Whose signature a request carries.

        Raises:
            SignatureRefusal: none, or one that does not hold.
        """
        return self._verify(request, service, region)[0]

    def identify_anywhere(self, request: HttpRequest, *, service: str) -> tuple[Principal | None, str]:
        """Whose signature a request to an endpoint of all regions carries, and the region that it is meant for.

        Raises:
            SignatureRefusal: none, or one that does not hold.
        """
        return self._verify(request, service, None)

    def _verify(self, request: HttpRequest, service: str, region: str | None) -> tuple[Principal | None, str]:
        signed = SignedRequest(
            method=request.method,
            raw_path=request.raw_path,
            raw_query=request.raw_query,
            headers=request.headers,
            body=request.body,
        )
        signature = verify(signed, lookup=self.principals.credentials, now=self._now(), region=region, service=service)
        return self.principals.by_access_key(signature.credentials.access_key_id), signature.region


def request_context(request: HttpRequest) -> dict[str, str]:
    """The condition keys that stand in a request itself."""
    return {
        "aws:SourceIp": request.peer,
        "aws:UserAgent": request.header("user-agent") or "",
        # On AWS every call comes by TLS; a policy that asks for it must not shut out a laptop.
        "aws:SecureTransport": "true",
    }


class FunctionService:
    """A function as it can be called: its configuration, and its environments, unless it is broken."""

    def __init__(
        self,
        function: Function,
        concurrency: FunctionConcurrency | None,
        *,
        broken: str | None,
        faults: Faults | None = None,
        telemetry: FunctionTelemetry | None = None,
        retired: Callable[[], None] | None = None,
    ) -> None:
        """
        Args:
            function: Its configuration.
            concurrency: Its environments; None for a broken function.
            broken: Why it cannot be run, or None.
            faults: What goes wrong on purpose.
            telemetry: Who is told of calls that never reach an environment.
            retired: Called when another has taken its place and its last stream has ended.
        """
        self.function = function
        self._retired = retired
        self.broken = broken
        self._faults = faults
        self._telemetry = telemetry
        self._concurrency = concurrency

    @property
    def concurrency(self) -> FunctionConcurrency | None:
        """The environments; None for a broken function."""
        return self._concurrency

    async def retire(self) -> None:
        """Another has taken its place: ends what is idle now, and the rest when it has answered."""
        if self._concurrency is not None:
            await self._concurrency.retire()
        if self._retired is not None:
            self._retired()

    def invoked_arn(self, qualifier: str | None) -> str:
        """The ARN that a call by this qualifier invokes."""
        return f"{self.function.arn}:{qualifier}" if qualifier else self.function.arn

    def invoke_at_once(self, qualifier: str | None, invocation: Invocation, otherwise: Callable[[], None]) -> bool:
        """Runs an invocation where a warm environment waits for it, or will in a moment, and nothing is to go wrong on purpose: most of
        them.

        Args:
            qualifier: By which it is called.
            invocation: What to run.
            otherwise: Called where the moment is over and none did: then `invoke` is to be awaited, without patience.

        Returns:
            Whether it did, or waits for that. Where not, nothing has happened yet, and `invoke` is to be awaited.
        """
        version = self.function.version_of(qualifier)
        if self._concurrency is None or version is None or self._faults:
            return False
        concurrency = self._concurrency
        return concurrency.invoke_at_once(version, invocation) or concurrency.invoke_soon(version, invocation, otherwise)

    async def invoke(self, qualifier: str | None, invocation: Invocation, *, patient: bool = True) -> None:
        """Runs an invocation on the version behind a qualifier.

        Args:
            qualifier: By which it is called.
            invocation: What to run.
            patient: Whether it may wait for an environment that has just answered.

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
        try:
            if self._faults is not None:
                self._faults.apply(self.function, invocation)
            await self._concurrency.invoke(version, invocation, patient=patient)
        except Throttled:
            if self._telemetry is not None:
                self._telemetry.throttled(qualifier)
            raise
        if invocation.error is not None and not invocation.started_at and self._telemetry is not None:
            self._telemetry.failed_to_start(invocation)
