"""Where AWS offers what this library builds on. Pure."""

from __future__ import annotations

from typing import Final

# https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html, as it was read in November 2026.
WITHOUT_FUNCTION_URLS: Final = frozenset(
    {
        "ap-east-2",
        "ap-south-2",
        "ap-southeast-4",
        "ap-southeast-5",
        "ap-southeast-6",
        "ap-southeast-7",
        "ca-west-1",
        "eu-central-2",
        "eu-south-2",
        "il-central-1",
        "me-central-1",
    }
)
