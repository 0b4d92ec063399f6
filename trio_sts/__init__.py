"""Speech-to-speech for Agent Voice Response: a phone call through a Realtime model."""

__version__ = "0.1.0"
