"""A synthesised voice: no words, but pitch, formants and syllables as people have them."""

import math
from array import array
from functools import cache

_RATE_HZ = 8000
_DECAY = 0.97


@cache
def voice(ms: int) -> bytes:
    """Somebody speaks without a pause.

    Returns:
        PCM16LE at 8 kHz, some -15 dBov.
    """
    samples = array("h")
    phase = 0.0
    low = high = (0.0, 0.0)
    for number in range(ms * _RATE_HZ // 1000):
        turn = 2 * math.pi * number / _RATE_HZ
        phase += (120 + 25 * math.sin(1.1 * turn)) / _RATE_HZ
        pulse = float(phase >= 1)
        phase -= pulse
        low = _resonate(low, pulse, 500 + 250 * math.sin(2.3 * turn))
        high = _resonate(high, pulse, 1500 + 500 * math.sin(1.7 * turn))
        level = 2750 + 2250 * math.sin(4 * turn)
        sample = level * (low[0] + 0.6 * high[0])
        samples.append(max(-32_000, min(32_000, int(sample))))
    return samples.tobytes()


def _resonate(
    last: tuple[float, float], pulse: float, hz: float
) -> tuple[float, float]:
    """One sample of a formant, and the one before it."""
    one, two = last
    turn = 2 * _DECAY * math.cos(2 * math.pi * hz / _RATE_HZ)
    return pulse + turn * one - _DECAY * _DECAY * two, one
