"""The path, pure: no I/O, no clock, no randomness, no environment."""
