"""Speech to text: what was said, while it is heard."""
