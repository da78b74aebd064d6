"""Where a service is: from the environment variables that every SDK reads. Pure, but for the environment it is given.

Sources: https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html and
https://docs.aws.amazon.com/general/latest/gr/rande.html
"""

from __future__ import annotations

import os

from .errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_SUFFIXES = {
    "us-gov-": "amazonaws.com",
    "cn-": "amazonaws.com.cn",
    **dict.fromkeys(("us-", "eu-", "ap-", "sa-", "ca-", "me-", "af-", "il-", "mx-"), "amazonaws.com"),
}
_OTHER_PARTITIONS = ("us-iso", "eu-iso")  # begin like ordinary regions and are not: they have their own suffixes
_ONLY_BOTO3 = {
    "AWS_PROFILE": "",
    "AWS_USE_FIPS_ENDPOINT": "false",
    "AWS_USE_DUALSTACK_ENDPOINT": "false",
}


class Service:
    """A service as its endpoints and signatures name it.

    Args:
        host: What its host names begin with, as in "bedrock-runtime".
        signing_name: What its signatures are made for, as in "bedrock".
        variable: What AWS_ENDPOINT_URL_ is followed by, as in "BEDROCK_RUNTIME".
    """

    __slots__ = ("host", "signing_name", "variable")

    def __init__(self, host: str, signing_name: str, variable: str) -> None:
        self.host = host
        self.signing_name = signing_name
        self.variable = variable


BEDROCK_RUNTIME = Service("bedrock-runtime", "bedrock", "BEDROCK_RUNTIME")
DYNAMODB = Service("dynamodb", "dynamodb", "DYNAMODB")


class Endpoint:
    """Where to connect to, and what to say there.

    Attributes:
        tls: Whether the connection is encrypted.
        host: Name or address, without brackets.
        port: As in 443.
        authority: As the Host header has it.
        path: What goes in front of every path; empty in most cases.

    Raises:
        ConfigurationError: `AWS_ENDPOINT` for anything that is no http or https URL.
    """

    __slots__ = ("authority", "host", "path", "port", "tls")

    def __init__(self, url: str) -> None:
        scheme, _, rest = url.partition("://")
        self.authority, slash, path = rest.partition("/")
        host, colon, port = self.authority.rpartition(":")
        if not colon or "]" in port:
            host, port = self.authority, ""
        self.host = host.strip("[]")
        plain = not set("@# \t\r\n").intersection(url) and "?" not in self.authority
        if scheme not in ("http", "https") or not self.host or not plain or (colon and port and not port.isdigit()):
            raise ConfigurationError(
                f"AWS_ENDPOINT: found {url!r}; allowed: http://host:port or https://host; correct the variable"
            )
        self.tls = scheme == "https"
        self.port = int(port) if port else (443 if self.tls else 80)
        self.path = (slash + path).rstrip("/")


def region_of(environ: Mapping[str, str] = os.environ) -> str:
    """The function's region.

    Raises:
        ConfigurationError: `AWS_REGION`: there is none.
    """
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""
    if not region:
        raise ConfigurationError("AWS_REGION: found neither AWS_REGION nor AWS_DEFAULT_REGION; allowed: as in eu-west-1; set one")
    return region


def endpoint_of(service: Service, environ: Mapping[str, str] = os.environ) -> Endpoint:
    """Where the service is, for this environment.

    Raises:
        ConfigurationError: `AWS_REGION`, `AWS_ENDPOINT` or `AWS_PARTITION`: it cannot be told.
    """
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() != "true":
        given = environ.get(f"AWS_ENDPOINT_URL_{service.variable}") or environ.get("AWS_ENDPOINT_URL")
        if given:
            return Endpoint(given)
    region = region_of(environ)
    suffix = (
        None if region.startswith(_OTHER_PARTITIONS) else next((_SUFFIXES[p] for p in _SUFFIXES if region.startswith(p)), None)
    )
    if suffix is None or not region.replace("-", "").isalnum():
        raise ConfigurationError(
            f"AWS_PARTITION: found region {region!r}; allowed: those of aws, aws-cn and aws-us-gov; use boto3"
        )
    return Endpoint(f"https://{service.host}.{region}.{suffix}")


def why_not(service: Service, environ: Mapping[str, str] = os.environ) -> str | None:
    """Why this package cannot call the service in this environment, and boto3 has to; None where it can.

    A profile, FIPS and dual-stack endpoints, proxies, other partitions, and credentials from anywhere but the environment and the
    container's endpoint are boto3's business.
    """
    for name, neutral in _ONLY_BOTO3.items():
        if environ.get(name, neutral).lower() != neutral:
            return f"{name} is set"
    try:
        endpoint = endpoint_of(service, environ)
        region_of(environ)
    except ConfigurationError as error:
        return str(error)
    proxy = "https_proxy" if endpoint.tls else "http_proxy"
    for name in (proxy, proxy.upper()):
        if environ.get(name):
            return f"{name} is set"
    keys = environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY")
    container = environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI") or environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
    if not keys and (not container or environ.get("AWS_WEB_IDENTITY_TOKEN_FILE")):
        return "neither keys nor a container's credentials are in the environment"
    return None
