"""A built-in Realtime endpoint, so that a call runs with no key and no network.

It speaks the GA protocol over a WebSocket on loopback, hears with a grammar of
telephone sentences, answers from a small brain and speaks with espeak-ng. What it does
not offer, it refuses as the real service refuses what it does not know.
"""

from .endpoint import Endpoint, serve_model
from .faults import Faults, WrongFault
from .speech.extras import SpeechMissing

__all__ = ["Endpoint", "Faults", "SpeechMissing", "WrongFault", "serve_model"]
