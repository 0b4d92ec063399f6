"""Telephone audio as plain functions: resampling, G.711, framing.

Caller-side audio is PCM, signed 16-bit little-endian, mono, at the rate of the caller's
line, everywhere.
"""
