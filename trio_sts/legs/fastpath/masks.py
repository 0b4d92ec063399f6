"""Masks of WebSocket payloads (RFC 6455, section 5.3).

Compiled: in Python or numpy, masks were 6 to 9 % of the CPU that a call costs.
"""

import os
from typing import Final

try:
    from websockets.speedups import apply_mask
except ImportError:  # not compiled for this platform
    from websockets.utils import apply_mask

__all__ = ["MASK_BYTES", "Masks", "apply_mask"]

MASK_BYTES: Final = 4
# How many masks are drawn from the system at once: its call costs more than its bytes.
_MASKS_AT_ONCE: Final = 64


class Masks:
    """Fresh unpredictable masks, drawn from the system in batches (section 10.3)."""

    __slots__ = ("_at", "_drawn")

    def __init__(self) -> None:
        self._drawn = b""
        self._at = 0

    def draw(self) -> bytes:
        """The next mask; none is ever used twice."""
        if self._at == len(self._drawn):
            self._drawn = os.urandom(_MASKS_AT_ONCE * MASK_BYTES)
            self._at = 0
        self._at += MASK_BYTES
        return self._drawn[self._at - MASK_BYTES : self._at]
