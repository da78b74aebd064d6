"""What can go wrong with the table. A stream that runs never fails by it."""

from __future__ import annotations


class StoreUnavailable(Exception):
    """The table did not answer in time, or asked for patience. It may work later."""


class StoreRefused(StoreUnavailable):
    """The table does not exist, or may not be used, or cannot be reached as things are configured. Trying again does not help."""
