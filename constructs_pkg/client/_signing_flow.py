"""How a request gets signed, whichever HTTP library carries it: httpx and httpx2 have the same shapes and no common types."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

from ._credentials import SessionCredentials
from ._exceptions import ConfigurationError
from ._sigv4 import canonical_query, region_of, sign

RequestT = TypeVar("RequestT")


class SigningFlow:
    """The body of both `SigV4Auth` classes. Each request is signed when it is sent, so a retry gets a fresh signature."""

    requires_request_body = True

    def __init__(self, session: Any = None, *, region: str | None = None, service: str = "lambda") -> None:
        """
        Args:
            session: A `boto3.Session`, whose credentials are asked for anew at each request (refreshable ones refresh).
                Default: one made from the environment at the first request.
            region: The region to sign for. Default: the one in the URL's host name
                (`<id>.lambda-url.<region>.on.aws`), else the session's.
            service: The service to sign for. Default: `lambda`, which is right for Function URLs; `execute-api` for API Gateway.
        """
        self._credentials = SessionCredentials(session)
        self._region = region
        self._service = service

    def __repr__(self) -> str:
        return f"{type(self).__name__}(region={self._region!r}, service={self._service!r})"

    def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:
        """Signs for a synchronous client."""
        request.read()
        yield self._sign(request)

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
        """Signs for an asynchronous client; credentials that have to be fetched are fetched in a thread."""
        await request.aread()
        if self._credentials.may_wait():
            from anyio import to_thread

            await to_thread.run_sync(self._credentials.frozen)
        yield self._sign(request)

    def __call__(self, request: RequestT) -> RequestT:
        """Signs for a client that takes a function as its auth.

        Raises:
            ConfigurationError: `STREAMED_BODY` for a body that only an async client can read.
        """
        message: Any = request
        try:
            message.content  # noqa: B018  # raises where the body was not read yet: a multipart form, a file, a generator
        except RuntimeError:
            if isinstance(message.stream, AsyncIterable) and not isinstance(message.stream, Iterable):
                raise ConfigurationError(
                    "STREAMED_BODY: the request's body is an async stream, which has to be read to be signed; "
                    "pass the body as bytes, or use the SigV4Auth of the HTTP library that you use "
                    "(constructs_pkg.client.SigV4Auth for httpx, constructs_pkg.client.httpx2.SigV4Auth for httpx2)."
                ) from None
            message.read()
        self._sign(message)
        return request

    def _sign(self, request: Any) -> Any:
        for name in ("authorization", "connection"):  # an SDK's own bearer token; and a header that belongs to the hop
            request.headers.pop(name, None)
        path, question, query = request.url.raw_path.decode("ascii").partition("?")
        if question and (spelled := canonical_query(query)) != query:
            request.url = request.url.copy_with(raw_path=f"{path}?{spelled}".encode("ascii"))
        region = self._region or region_of(request.url.host) or self._credentials.region()
        if region is None:
            raise ConfigurationError(
                f"NO_REGION: neither the host name {request.url.host!r} nor the session tells the AWS region to sign for; "
                "pass region=, or set AWS_REGION."
            )
        signed = sign(
            method=request.method,
            url=f"{request.url.scheme}://{request.headers['host']}{request.url.raw_path.decode('ascii')}",
            headers=request.headers.raw,
            body=request.content,
            credentials=self._credentials.frozen(),
            region=region,
            service=self._service,
            now=datetime.now(UTC),
        )
        request.headers.pop("x-amz-security-token", None)  # of an earlier signature, by credentials that had one
        request.headers.update(signed)
        return request
