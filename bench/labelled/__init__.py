"""A labelled set for voice activity detection: telephone speech, and what is none.

Everything is made from a seed; nothing is stored. espeak-ng alone remembers what it spoke
before: its sentences are the same in every process that makes the same ones in order.
"""

from .hard import hard_cases
from .nospeech import non_speech
from .sound import Piece
from .spoken import utterances

__all__ = ["Piece", "hard_cases", "non_speech", "utterances"]
