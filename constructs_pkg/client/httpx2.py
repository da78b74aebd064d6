"""Signs httpx2 requests with AWS Signature Version 4: for openai 3, anthropic 2, mcp 2 and whatever else builds on httpx2."""

from __future__ import annotations

from ._exceptions import MissingDependency
from ._signing_flow import SigningFlow

try:
    from httpx2 import Auth
except ModuleNotFoundError as _error:
    if _error.name != "httpx2":
        raise
    raise MissingDependency(
        "HTTPX2_MISSING: constructs_pkg.client.httpx2 needs httpx2, which is not installed; pip install httpx2, "
        "or use constructs_pkg.client.SigV4Auth with httpx."
    ) from None

__all__ = ["SigV4Auth"]


class SigV4Auth(SigningFlow, Auth):
    """Signs each request of an httpx2 client, sync or async, for a URL that asks for IAM auth.

    OpenAI(base_url=url + "v1", api_key="unused", http_client=httpx2.Client(auth=SigV4Auth()))
    """
