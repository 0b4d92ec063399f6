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

_UNITS: Final = range(1, 4)  # in samples: 8, 16 and 24 kHz
_MOST_TAPS: Final = 32
_CODES: Final = 1 << 16
# Of a mean: with them a sum of the loudest samples fits 32 bits, and the mean 16.
_WEIGHT_BITS: Final = 16
_WEIGHTS: Final = {2: 32_768, 3: 21_845}
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


def resample(pcm: bytes, taps: bytes, unit_in: int, unit_out: int, /) -> bytes:
    """Filter, and change the rate: ``unit_out`` samples for each ``unit_in``.

    What is left of a unit at the end is left out.

    Args:
        pcm: PCM16LE. The first ``n - 1`` units are those before, for the filter.
        taps: float64 of this machine: for each output of a unit, and in it for each of its
            inputs, ``n`` taps, 1 to 32 of them. Output ``q`` is the sum, over all inputs
            ``r``, of their taps over sample ``r`` of ``n`` units, the oldest first. Sums
            must be exact in float64 and below 2**31, or the two engines differ.
        unit_in: 1 to 3.
        unit_out: 1 to 3.

    Returns:
        PCM16LE, rounded half to even and clipped.

    Raises:
        ValueError: There are too many taps, or not as many for each, or a unit is none.
    """
    return _converted(pcm, _product(taps, unit_in, unit_out))


def thin(pcm: bytes, ratio: int, /) -> bytes:
    """The mean of each ``ratio`` samples; what is left of as many is left out.

    Args:
        pcm: PCM16LE.
        ratio: 2 or 3.

    Returns:
        PCM16LE, rounded down; means of three are smaller by 2**-16.

    Raises:
        ValueError: It is another ratio.
    """
    if ratio not in _WEIGHTS:
        raise ValueError("ratio: 2 or 3")
    size = ratio * _SAMPLE_BYTES
    samples = np.frombuffer(pcm, _SAMPLE, len(pcm) // size * ratio)
    means: npt.NDArray[np.int32] = samples.reshape(-1, ratio).sum(1, np.int32)
    means *= _WEIGHTS[ratio]
    means >>= _WEIGHT_BITS
    return means.astype(_SAMPLE).tobytes()


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

    The matrix turns ``history`` units and ``_ROW`` more, which overlap with those of the
    next row, into the outputs of these.
    """

    unit_in: int
    unit_out: int
    history: int
    matrix: npt.NDArray[np.float64]


@cache
def _product(taps: bytes, unit_in: int, unit_out: int) -> _Product:
    if unit_in not in _UNITS or unit_out not in _UNITS:
        raise ValueError("units: 1 to 3 samples")
    count, odd = divmod(len(taps), unit_in * unit_out * _FLOAT.itemsize)
    if odd or not 1 <= count <= _MOST_TAPS:
        raise ValueError("taps: 1 to 32 float64 for each output and input")
    filters, history = np.frombuffer(taps, _FLOAT), count - 1
    of_unit = filters.reshape(unit_out, unit_in, count).T.reshape(-1, unit_out)
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
