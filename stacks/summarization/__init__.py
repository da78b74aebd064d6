"""A document, summarised while it is read: section by section, then as a whole."""
