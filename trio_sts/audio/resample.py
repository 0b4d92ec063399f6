"""Between 8 and 24 kHz: one low-pass filter, streamed, the same for any chunk size.

The filter is a windowed sinc (Kaiser) on the 24 kHz grid, 6 dB down at 4 kHz. Upwards
it fills in two samples between any two of the caller's, which pass unchanged; downwards
every third output is computed and no other. Its figures: flat within 0.01 dB to 3.4 kHz,
below -70 dB from 4.6 kHz on. It delays by 1.83 ms upwards, 1.75 ms downwards.

Speed comes from a matrix product: overlapping rows of the input times a matrix that
holds the taps once for each output of a row, shifted. A library's sums depend on the
shape of the product, so the taps are rounded to multiples of 2**-24: then every partial
sum is exact in 64-bit floats, and the order cannot matter.
"""

from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
from attrs import define, frozen

_RATIO: Final = 3  # 24 kHz to 8 kHz
_HALF: Final = 44  # taps on each side of the middle; a 45th would be zero
_BETA: Final = 6.9  # the best stop band for this length, found by search
_TAP_BITS: Final = 24  # 16 bits of sample, 24 of tap, 2 of gain: well below 53
_ROW: Final = 10  # units for each row of the product: the quickest of 4 to 160
# 200 ms at once keep the product below OpenBLAS's threshold for waking its threads,
# and the floats of one slab below 200 kB.
_SLAB: Final = 1_600

_SAMPLE: Final = np.dtype("<i2")
_SAMPLE_BYTES: Final = 2
_FLOAT: Final = np.dtype(np.float64)
# Arrays without dimensions: numpy would convert plain numbers in every call.
_LOWEST: Final = np.array(-32_768.0)
_HIGHEST: Final = np.array(32_767.0)


@frozen(eq=False)
class _Plan:
    """One direction. A unit is the least that can be converted: 1 to 3, or 3 to 1.

    ``reach`` is how many samples before a unit still have a part in its outputs;
    ``matrix`` turns one row (``reach`` samples and ``_ROW`` units) into its outputs.
    """

    unit_in: int
    unit_out: int
    reach: int
    matrix: npt.NDArray[np.float64]

    @property
    def silence(self) -> bytes:
        return bytes(self.reach * _SAMPLE_BYTES)


def _taps() -> npt.NDArray[np.float64]:
    """The low-pass on the 24 kHz grid, each of its three phases of gain 1.

    Equal phases put a zero at 8 kHz: a constant offset makes no tone.
    """
    position = np.arange(-_HALF, _HALF + 1)
    taps = np.sinc(position / _RATIO) * np.kaiser(len(position), _BETA)
    for phase in range(_RATIO):
        taps[phase::_RATIO] /= taps[phase::_RATIO].sum()
    return taps


def _plan(*, unit_in: int, unit_out: int, gain: float) -> _Plan:
    taps = np.rint(_taps() * gain * 2**_TAP_BITS) / 2**_TAP_BITS
    step_in, step_out = unit_out, unit_in  # between samples, on the 24 kHz grid
    reach = (len(taps) - unit_in) // step_in
    # An output of a unit that takes three samples is computed at the third.
    output = step_in * (reach + unit_in - 1) + step_out * np.arange(_ROW * unit_out)
    sample = step_in * np.arange(reach + _ROW * unit_in)
    lag = output[None, :] - sample[:, None]
    inside = (lag >= 0) & (lag < len(taps))
    matrix = np.where(inside, taps[np.where(inside, lag, 0)], 0.0)
    return _Plan(unit_in=unit_in, unit_out=unit_out, reach=reach, matrix=matrix)


@cache
def _up() -> _Plan:
    return _plan(unit_in=1, unit_out=_RATIO, gain=1)


@cache
def _down() -> _Plan:
    return _plan(unit_in=_RATIO, unit_out=1, gain=1 / _RATIO)


def _convert(plan: _Plan, pcm: bytes, first: int, units: int) -> bytes:
    """Outputs of ``units`` units, the first of which begins ``reach`` after ``first``."""
    rows = -(-units // _ROW)
    row_samples, stride = len(plan.matrix), _ROW * plan.unit_in
    start = first * _SAMPLE_BYTES
    need = start + (row_samples + (rows - 1) * stride) * _SAMPLE_BYTES
    windows = np.ndarray(
        (rows, row_samples),
        _SAMPLE,
        pcm.ljust(need, b"\0"),
        start,
        (stride * _SAMPLE_BYTES, _SAMPLE_BYTES),
    )
    out: npt.NDArray[np.float64] = windows.astype(_FLOAT).dot(plan.matrix)
    np.rint(out, out=out)
    np.minimum(out, _HIGHEST, out=out)
    np.maximum(out, _LOWEST, out=out)
    return out.astype(_SAMPLE).tobytes()[: units * plan.unit_out * _SAMPLE_BYTES]


@define
class Resampler:
    """One stream in one direction; what it keeps is less than 200 bytes."""

    _plan: _Plan
    _kept: bytes

    def push(self, pcm: bytes) -> bytes:
        """Convert what can be converted now.

        Args:
            pcm: PCM16LE, any number of bytes; what does not fill a sample or a unit
                is kept for the next call.

        Returns:
            PCM16LE: three samples for each sample, or one for each three.
        """
        plan = self._plan
        pcm = self._kept + pcm
        units = (len(pcm) // _SAMPLE_BYTES - plan.reach) // plan.unit_in
        self._kept = pcm[units * plan.unit_in * _SAMPLE_BYTES :]
        if units <= _SLAB:
            return _convert(plan, pcm, 0, units)
        return b"".join(
            _convert(plan, pcm, done * plan.unit_in, min(_SLAB, units - done))
            for done in range(0, units, _SLAB)
        )

    def flush(self) -> bytes:
        """End the stream: what the filter still holds, 3.75 ms; nothing if silent.

        Half a sample at the very end is left out. The next ``push`` begins a new stream.
        """
        plan, kept = self._plan, self._kept
        self._kept = kept[: len(kept) & -_SAMPLE_BYTES]
        tail_samples = plan.reach + plan.unit_in - 1
        tail = self.push(bytes(tail_samples * _SAMPLE_BYTES)) if any(kept) else b""
        self._kept = plan.silence
        return tail


def upsampler() -> Resampler:
    """From 8 to 24 kHz."""
    plan = _up()
    return Resampler(plan, plan.silence)


def downsampler() -> Resampler:
    """From 24 to 8 kHz."""
    plan = _down()
    return Resampler(plan, plan.silence)
