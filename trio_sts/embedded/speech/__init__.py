"""Ears and voice: what only the extra ``trio-sts[demo]`` brings along.

Everything here computes and blocks: callers on Trio run it in threads.
"""
