"""The other examples, watched while they run."""
