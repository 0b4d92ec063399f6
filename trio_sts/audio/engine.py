"""The inner loops of the media path: compiled where they were built, else in Python.

Both give the same bytes.

Attributes:
    COMPILED: Which of them is used.
    WARNINGS: What an operator should know of that.
"""

from typing import Final

try:
    from .speedups import compress, downsample, upsample
except ImportError:
    from .portable import compress, downsample, upsample

    _compiled = False
else:
    _compiled = True

COMPILED: Final = _compiled
_SLOWER: Final = (
    "the audio path was installed without a C compiler and Python's headers: "
    "calls cost about a tenth more CPU"
)
WARNINGS: Final = () if COMPILED else (_SLOWER,)

__all__ = ["COMPILED", "WARNINGS", "compress", "downsample", "upsample"]
