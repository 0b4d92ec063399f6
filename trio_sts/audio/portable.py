"""The inner loops of the media path in Python and numpy, where `speedups` was not built.

Both have one contract, described here: the same bytes for the same arguments.
"""

from functools import cache
from operator import itemgetter
from struct import unpack
from typing import Final

import numpy as np
import numpy.typing as npt
from attrs import frozen

_RATIO: Final = 3  # 24 kHz to 8 kHz
_MOST_TAPS: Final = 32
_CODES: Final = 1 << 16
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


def upsample(pcm: bytes, taps: bytes, /) -> bytes:
    """From 8 to 24 kHz: three samples for each, the filter's reach at the front excepted.

    Args:
        pcm: PCM16LE. The first ``n - 1`` samples are those before, for the filter.
        taps: float64 of this machine, three phases of ``n`` taps, one after the other,
            1 to 32 of them. Output ``p`` of three is phase ``p`` over ``n`` samples, the
            oldest first. Sums must be exact in float64 and below 2**31, or the two
            engines differ.

    Returns:
        PCM16LE, rounded half to even and clipped.

    Raises:
        ValueError: There are too many taps, or not three phases of them.
    """
    return _converted(pcm, _product(taps, 1, _RATIO))


def downsample(pcm: bytes, taps: bytes, /) -> bytes:
    """From 24 to 8 kHz: a sample for three; what is left of three is left out.

    Args:
        pcm: PCM16LE. The first ``3 * (n - 1)`` samples are those before.
        taps: As for `upsample`, but phase ``p`` is that of the samples ``p``, ``p + 3``
            and so on of ``3 * n``, and the output is the sum of the three.

    Returns:
        PCM16LE, rounded half to even and clipped.

    Raises:
        ValueError: There are too many taps, or not three phases of them.
    """
    return _converted(pcm, _product(taps, _RATIO, 1))


def compress(pcm: bytes, codes: bytes, /) -> bytes:
    """One byte for each sample, by a table.

    Args:
        pcm: PCM16LE.
        codes: The byte of each sample from 0 to 32767, then from -32768 to -1.

    Raises:
        ValueError: Half a sample, or a table of another size.
    """
    if len(pcm) % _SAMPLE_BYTES:
        raise ValueError("pcm: half a sample at the end")
    if len(codes) != _CODES:
        raise ValueError("codes: one for each of 65536 samples")
    samples: tuple[int, ...] = unpack(f"<{len(pcm) // _SAMPLE_BYTES}H", pcm)
    if len(samples) <= 1:  # itemgetter gives a tuple only for more
        return bytes(codes[sample] for sample in samples)
    return bytes(itemgetter(*samples)(codes))


@frozen(eq=False)
class _Product:
    """One direction as a matrix product.

    A unit is the least that can be converted: 1 sample to 3, or 3 to 1. The matrix turns
    ``history`` units and ``_ROW`` more, which overlap with those of the next row, into
    the outputs of these.
    """

    unit_in: int
    unit_out: int
    history: int
    matrix: npt.NDArray[np.float64]


@cache
def _product(taps: bytes, unit_in: int, unit_out: int) -> _Product:
    count, odd = divmod(len(taps), _RATIO * _FLOAT.itemsize)
    if odd or not 1 <= count <= _MOST_TAPS:
        raise ValueError("taps: three phases of 1 to 32 float64 each")
    phases, history = np.frombuffer(taps, _FLOAT).reshape(_RATIO, count), count - 1
    # Upwards a phase is one output of a unit, downwards one input.
    of_unit = phases.T if unit_out == _RATIO else phases.T.reshape(-1, 1)
    matrix = np.zeros(((history + _ROW) * unit_in, _ROW * unit_out))
    for unit in range(_ROW):
        top, left = unit * unit_in, unit * unit_out
        matrix[top : top + len(of_unit), left : left + unit_out] = of_unit
    return _Product(unit_in, unit_out, history, matrix)


def _converted(pcm: bytes, product: _Product) -> bytes:
    units = len(pcm) // (product.unit_in * _SAMPLE_BYTES) - product.history
    if units <= _SLAB:
        return _slab(pcm, product, 0, max(units, 0))
    slabs = (
        _slab(pcm, product, done, min(_SLAB, units - done))
        for done in range(0, units, _SLAB)
    )
    return b"".join(slabs)


def _slab(pcm: bytes, product: _Product, first: int, units: int) -> bytes:
    rows = -(-units // _ROW)
    row_samples, stride = len(product.matrix), _ROW * product.unit_in
    start = first * product.unit_in * _SAMPLE_BYTES
    need = start + (row_samples + (rows - 1) * stride) * _SAMPLE_BYTES
    windows = np.ndarray(
        (rows, row_samples),
        _SAMPLE,
        pcm.ljust(need, b"\0"),
        start,
        (stride * _SAMPLE_BYTES, _SAMPLE_BYTES),
    )
    out: npt.NDArray[np.float64] = windows.astype(_FLOAT).dot(product.matrix)
    np.rint(out, out=out)
    np.minimum(out, _HIGHEST, out=out)
    np.maximum(out, _LOWEST, out=out)
    return out.astype(_SAMPLE).tobytes()[: units * product.unit_out * _SAMPLE_BYTES]
