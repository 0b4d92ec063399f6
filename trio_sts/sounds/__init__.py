"""The built-in sounds: PCM16LE, 8000 Hz, mono.

The apology is a file beside this one, in mu-law; ``scripts/sounds.py`` writes it. The
hold sound is two soft tones with a long pause, computed when it is first needed.
"""

import math
from array import array
from functools import cache
from importlib.resources import files
from typing import Final

from trio_sts.audio.g711 import MU_LAW

APOLOGY_FILE: Final = "apology.ulaw"
APOLOGY_WORDS: Final = (
    "We are sorry. Our assistant cannot be reached just now. Please call again later."
)
_RATE_HZ: Final = 8000
# -38 dBov: heard in a quiet room, and far below speech.
_HOLD_PEAK: Final = 580
_HOLD_PAUSE_S: Final = 2.4
_TONES: Final = ((392.0, 0.25), (494.0, 0.35))


@cache
def apology() -> bytes:
    """A short English sentence for a caller whose model can't be had."""
    return MU_LAW.decode(files(__name__).joinpath(APOLOGY_FILE).read_bytes())


@cache
def hold() -> bytes:
    """A quiet sound that tells a waiting caller that the line is alive; to be repeated."""
    samples = array("h")
    for frequency_hz, seconds in _TONES:
        count = round(seconds * _RATE_HZ)
        for n in range(count):
            # A raised cosine over the whole tone: it begins and ends without a click.
            shape = 0.5 - 0.5 * math.cos(2 * math.pi * n / count)
            tone = math.sin(2 * math.pi * frequency_hz * n / _RATE_HZ)
            samples.append(round(_HOLD_PEAK * shape * tone))
    samples.extend([0] * round(_HOLD_PAUSE_S * _RATE_HZ))
    return samples.tobytes()
