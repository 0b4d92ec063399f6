"""Agent audio on its way to the caller's ear."""

from .marks import Marks
from .queue import Batch, Playout
from .track import Cut, Track

__all__ = ["Batch", "Cut", "Marks", "Playout", "Track"]
