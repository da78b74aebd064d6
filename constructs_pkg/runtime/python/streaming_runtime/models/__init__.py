"""Models as sources of events."""
