"""Mutated messages on both legs, as a program: ``python -m tests.fuzz``."""
