"""Side by side with what a user would pick instead: measured in the same minutes, on the same Runtime API server, told as ratios."""
