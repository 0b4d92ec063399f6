"""The inner loops of the media path: compiled where they were built, else in Python.

Both give the same bytes.

Attributes:
    WARNINGS: What an operator should know of which are used.
"""

from typing import Final

try:
    from .speedups import compress, detect_speech, resample, thin
except ImportError:
    from .portable import compress, resample, thin
    from .portable_vad import detect_speech

    _warning = (
        "the audio path was installed without a C compiler and Python's headers: "
        "calls cost a fifth more CPU, and up to twice as much while the caller speaks"
    )
else:
    _warning = ""

WARNINGS: Final = (_warning,) if _warning else ()

__all__ = ["WARNINGS", "compress", "detect_speech", "resample", "thin"]
