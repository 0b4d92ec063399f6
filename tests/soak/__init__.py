"""Calls for minutes on a real process, as a program: ``python -m tests.soak``."""
