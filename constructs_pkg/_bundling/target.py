"""What dependencies are resolved for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_MACHINES: Final = {"x86_64": "x86_64", "arm64": "aarch64"}
_GLIBC: Final = {"3.11": 26}
_NEWEST_GLIBC: Final = 34


@dataclass(frozen=True, kw_only=True)
class Target:
    """A Lambda runtime on an architecture.

    Attributes:
        python: `3.13`.
        architecture: Lambda's name, `x86_64` or `arm64`.
        has_boto3: Whether boto3 is there already, as on Lambda's managed runtimes.
    """

    python: str
    architecture: str
    has_boto3: bool = True

    @property
    def machine(self) -> str:
        """The architecture as wheels name it."""
        return _MACHINES[self.architecture]

    @property
    def glibc(self) -> int:
        """Minor version of glibc 2: Amazon Linux 2 up to python3.11, Amazon Linux 2023 from python3.12 on.

        Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
        """
        return _GLIBC.get(self.python, _NEWEST_GLIBC)

    @property
    def platform(self) -> str:
        """`x86_64-manylinux_2_34`: what is recorded in the asset, for whoever resolves the packages again."""
        return f"{self.machine}-manylinux_2_{self.glibc}"

    def __str__(self) -> str:
        return f"python{self.python} on Linux {self.machine} (glibc 2.{self.glibc})"
