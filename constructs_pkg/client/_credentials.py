"""Credentials and region from any boto3 session, looked up anew for every request so that refreshable ones refresh."""

from __future__ import annotations

import inspect
import os
import threading
from typing import TYPE_CHECKING, Any, cast

from ._exceptions import ConfigurationError, MissingDependency

if TYPE_CHECKING:
    from ._sigv4 import FrozenCredentials

_MEND = (
    "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or pass session=boto3.Session(profile_name=...); "
    "`aws sts get-caller-identity` shows who you are"
)


class SessionCredentials:
    """What a session knows, asked for late and refused clearly. Safe to share between threads."""

    def __init__(self, session: Any = None) -> None:
        """
        Args:
            session: A `boto3.Session`, or anything with its `get_credentials()` and `region_name`. Default: a session made from
                the environment at the first request.
        """
        self._session = session
        self._found: Any = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"  # never a key, not even its id

    def frozen(self) -> FrozenCredentials:
        """One consistent set of credentials, refreshed if their time came. May wait for the network.

        Raises:
            ConfigurationError: `NO_CREDENTIALS` where there are none, `CREDENTIALS_FAILED` where they cannot be had.
            MissingDependency: boto3 is not installed.
        """
        session = self._get_session()
        try:
            found = session.get_credentials()
        except Exception as error:  # noqa: BLE001  # providers raise what they like; all of it is told
            raise _failed(error) from None
        if inspect.isawaitable(found):
            if inspect.iscoroutine(found):
                found.close()
            raise ConfigurationError(
                f"ASYNC_SESSION: {type(session).__module__}.{type(session).__qualname__} gives its credentials asynchronously; "
                "pass a boto3.Session (the async client asks it from a thread where it may wait)."
            )
        if found is None:
            raise ConfigurationError(f"NO_CREDENTIALS: boto3 found no AWS credentials to sign the request with; {_MEND}.")
        try:
            frozen = found.get_frozen_credentials()
        except Exception as error:  # noqa: BLE001  # as above
            raise _failed(error) from None
        if not frozen.access_key or not frozen.secret_key:
            raise ConfigurationError(f"NO_CREDENTIALS: the AWS credentials found lack the key or its secret; {_MEND}.")
        self._found = found
        return cast("FrozenCredentials", frozen)

    def may_wait(self) -> bool:
        """Whether `frozen()` may go to disk or to the network now: an event loop then asks from a thread."""
        if self._found is None:
            return True
        refresh_needed = getattr(self._found, "refresh_needed", None)
        return bool(refresh_needed()) if callable(refresh_needed) else False

    def region(self) -> str | None:
        """The session's region, else AWS_REGION, which boto3 passes over (it reads AWS_DEFAULT_REGION). None where there is none."""
        region = getattr(self._get_session(), "region_name", None) or os.environ.get("AWS_REGION")
        return region if isinstance(region, str) and region else None

    def _get_session(self) -> Any:
        with self._lock:
            if self._session is None:
                try:
                    import boto3
                except ModuleNotFoundError:
                    raise MissingDependency(
                        "BOTO3_MISSING: signing needs boto3, which is not installed; "
                        "pip install 'streaming-lambda-constructs[client]', or pass your own session."
                    ) from None
                try:
                    self._session = boto3.Session()
                except Exception as error:  # noqa: BLE001  # AWS_PROFILE names a profile that does not exist, a broken config file
                    raise _failed(error) from None
            return self._session


def _failed(error: Exception) -> ConfigurationError:
    """`error` is botocore's, whose messages name profiles and hosts, never keys; its traceback is dropped, as its frames hold them."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return ConfigurationError(f"CREDENTIALS_FAILED: boto3 could not give AWS credentials: {reason.rstrip('.')}; {_MEND}.")
