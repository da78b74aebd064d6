"""What can go wrong between here and AWS, apart from what AWS says itself."""

from __future__ import annotations


class AwsError(Exception):
    """A call that got no whole answer."""


class ConfigurationError(AwsError):
    """Region, endpoint or credentials are missing, or are configured in a way that only boto3 knows."""


class Unreachable(AwsError):
    """No connection, or one that broke or fell silent before the answer was whole. Whether AWS did what was asked is not known."""
