"""Books for a reader: what was found last time at once, and better ones as they are scored."""
