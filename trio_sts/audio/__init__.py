"""Telephone audio as plain functions: resampling, G.711, framing.

Caller-side audio is PCM, signed 16-bit little-endian, 8000 Hz, mono, everywhere.
"""
