"""Signs httpx requests with AWS Signature Version 4."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._signing_flow import SigningFlow

if TYPE_CHECKING:
    from httpx import Auth
else:
    try:
        from httpx import Auth
    except ModuleNotFoundError:
        # Without httpx there is no httpx client to pass this to; httpx2's take it as a function.
        class Auth:
            """Stands in where httpx is not installed."""


class SigV4Auth(SigningFlow, Auth):
    """Signs each request of an httpx client, sync or async, for a URL that asks for IAM auth.

        httpx.Client(auth=SigV4Auth(boto3.Session(profile_name="dev")))
        OpenAI(base_url=url + "v1", api_key="unused", http_client=httpx.Client(auth=SigV4Auth()))

    httpx2's clients take the same object (they call it as a function); `constructs_pkg.client.httpx2.SigV4Auth` is theirs by type,
    reads bodies that are async streams, and never makes an event loop wait for credentials.
    """
