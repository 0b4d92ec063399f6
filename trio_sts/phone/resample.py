"""Resampling of whole recordings by any ratio: a windowed-sinc filter, one phase at a time."""

from math import ceil, gcd

import numpy as np
from numpy.typing import NDArray

# Kaiser's design rule: 80 dB need beta 7.86, and 32 periods of the lower rate on each
# side make the step 0.078 of that rate wide: at 8000 Hz flat to 3390 Hz, gone at 4010.
_BETA = 7.86
_PERIODS = 32
_CUTOFF = 0.4625
# 4096 windows of at most 1540 taps (192 kHz) are 50 MB at once.
_BLOCK = 4096


def resample(
    samples: NDArray[np.float64], from_hz: int, to_hz: int
) -> NDArray[np.float64]:
    """Resample a whole recording without delay; its ends are taken as silence.

    Args:
        samples: One channel, at ``from_hz``.
        from_hz: Its rate; not lower than ``to_hz``.
        to_hz: The rate that is wanted.

    Returns:
        The samples at ``to_hz``, as many as last the same time.
    """
    if from_hz == to_hz:
        return samples
    divisor = gcd(from_hz, to_hz)
    phases, step = to_hz // divisor, from_hz // divisor
    reach = ceil(_PERIODS * from_hz / to_hz)
    count = ceil(len(samples) * phases / step)
    padded = np.pad(samples, (reach, reach + step + 1))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    result = np.empty(count)
    for phase in range(min(phases, count)):
        # Output n stands at input n * step / phases: a whole sample and a fraction.
        whole, rest = divmod(phase * step, phases)
        taps = _taps(reach, rest / phases, to_hz / from_hz)
        of_phase = windows[whole::step][: ceil((count - phase) / phases)]
        result[phase::phases] = _filtered(of_phase, taps)
    return result


def _filtered(
    windows: NDArray[np.float64], taps: NDArray[np.float64]
) -> NDArray[np.float64]:
    blocks = [windows[i : i + _BLOCK] @ taps for i in range(0, len(windows), _BLOCK)]
    return np.concatenate(blocks)


def _taps(reach: int, fraction: float, ratio: float) -> NDArray[np.float64]:
    """A low-pass centred ``fraction`` of a sample after the window's middle.

    Its gain is 1 for every fraction, or a constant would come out with a ripple.
    """
    distance = np.arange(-reach, reach + 1) - fraction
    inside = np.clip(1.0 - (distance / (reach + 1)) ** 2, 0.0, 1.0)
    window = np.i0(_BETA * np.sqrt(inside))
    taps = np.sinc(2.0 * _CUTOFF * ratio * distance) * window
    normed: NDArray[np.float64] = taps / taps.sum()
    return normed
