"""Voice activity in numpy, where `speedups` was not built: the same bytes.

``voice_activity.py`` describes the method. All is whole numbers, or floats of which
each operation is rounded by itself, so neither engine can differ.
"""

from collections.abc import Iterator
from functools import cache
from struct import Struct
from typing import Final

import numpy as np
import numpy.typing as npt
from attrs import define, field

from .framing import FRAME_BYTES, FRAME_SAMPLES

_STEP: Final = FRAME_SAMPLES // 2  # a frame at 4 kHz
_PAST: Final = 128  # kept at 4 kHz: the longest lag and the mean before the window
_MEAN: Final = 32  # 8 ms; without it an offset or hum would be a voice
_LAGS: Final = 57  # 70 Hz
_LEAST_LAG: Final = 10  # 400 Hz
_WINDOW: Final = _PAST + _STEP - (_MEAN - 1) - _LAGS  # 30 ms
_SPECTRUM: Final = 128  # 32 ms: bins of 31.25 Hz
_HALF: Final = _SPECTRUM // 2
_BINS: Final = _HALF - 2
_SLAB: Final = 50  # frames at once, for the memory
_PEAKS: Final = 2
_PEAK_REACH: Final = 2  # bins on each side: a Hann window's main lobe
_BITS: Final = 11  # of a normalised sample: sums of products fit 32 bits

# Levels are sums of squares of a frame.
_FLOOR_LEAST: Final = 304  # -80 dBov at 400 Hz
_LEVEL_LEAST: Final = 7_640_000  # -36 dBov
_LEVEL_SURE: Final = 19_200_000  # -32 dBov
_OVER_FLOOR: Final = 8  # 9 dB
_VOICED: Final = 64  # of 128
_CHANGE_LEAST: Final = 408  # mean difference of correlations, 0.055 * 128 * 58
_SPREAD_CHANGE_LEAST: Final = 44_544  # spread in thousandths times change
_OVERLAP_MOST: Final = 0.9409  # 0.97 squared
_SCORE_SURE: Final = 3
_SCORE_WEAK: Final = 2
_SCORE_BEGIN: Final = 6
_SCORE_END: Final = 3
_SCORE_MOST: Final = 12

_SAMPLE_BYTES: Final = 2
_SAMPLE: Final = np.dtype("<i2")
_NUMBERS: Final = Struct("<qqii2hh2x")
_KEPT: Final = _PAST + _LAGS + 1 + _BINS  # samples behind these in the state
_STATE_BYTES: Final = _NUMBERS.size + _KEPT * _SAMPLE_BYTES
_TABLE_BYTES: Final = 2 * _BINS * _HALF * _SAMPLE_BYTES

_Samples = npt.NDArray[np.int16]
_Whole = npt.NDArray[np.int64]
_Float = npt.NDArray[np.float64]
_Voice = list[int]  # power, spread, change, overlap


def detect_speech(pcm: bytes, state: bytearray, table: bytes, /) -> bytes:
    """Look for speech, frame by frame.

    Args:
        pcm: PCM16LE, 8 kHz, mono; whole frames of 320 bytes.
        state: What is known of the stream so far, 528 bytes, zeros at its begin; written.
        table: Cosines and sines, as `voice_activity.spectrum_table` makes them.

    Returns:
        One byte for each frame: 1 if there is speech, else 0.

    Raises:
        ValueError: Half a frame, or a state or table of another size.
    """
    if len(pcm) % FRAME_BYTES:
        raise ValueError("pcm: whole frames of 320 bytes")
    if len(state) != _STATE_BYTES or len(table) != _TABLE_BYTES:
        raise ValueError("state, table: not of their sizes")
    detector, rows, step = _Detector.read(state), _rows(table), _SLAB * FRAME_BYTES
    slabs = (pcm[start : start + step] for start in range(0, len(pcm), step))
    found = b"".join(bytes(detector.hear(slab, rows)) for slab in slabs)
    detector.write(state)
    return found


@cache
def _rows(table: bytes) -> tuple[_Float, _Float]:
    # As floats, which are exact here, numpy multiplies matrices at once.
    cosines, sines = np.frombuffer(table, _SAMPLE).reshape(2, _BINS, _HALF)
    return cosines.T.astype(np.float64), sines.T.astype(np.float64)


@define
class _Detector:
    floor: int
    power: int
    score: int
    spread: int
    carry: tuple[int, int]
    speaking: bool
    past: _Samples = field(repr=False)
    correlations: _Samples = field(repr=False)
    magnitudes: _Samples = field(repr=False)

    @classmethod
    def read(cls, state: bytearray) -> "_Detector":
        """Its arrays are parts of the state and are written in place."""
        floor, power, score, spread, before, last, speaking = _NUMBERS.unpack_from(
            state
        )
        kept = np.frombuffer(state, _SAMPLE, _KEPT, _NUMBERS.size)
        return cls(
            floor,
            power,
            score,
            spread,
            (before, last),
            bool(speaking),
            past=kept[:_PAST],
            correlations=kept[_PAST : _PAST + _LAGS + 1],
            magnitudes=kept[_PAST + _LAGS + 1 :],
        )

    def write(self, state: bytearray) -> None:
        numbers = (self.floor, self.power, self.score, self.spread)
        _NUMBERS.pack_into(state, 0, *numbers, *self.carry, self.speaking)

    def hear(self, pcm: bytes, rows: tuple[_Float, _Float]) -> Iterator[bool]:
        samples = np.empty(len(pcm) // _SAMPLE_BYTES + 2, np.int64)
        samples[:2] = self.carry
        samples[2:] = np.frombuffer(pcm, _SAMPLE)
        low = np.empty(_PAST + len(samples) // 2 - 1, np.int64)
        low[:_PAST] = self.past
        low[_PAST:] = _halved(samples)
        self.carry = (int(samples[-2]), int(samples[-1]))
        self.past[:] = low[-_PAST:]
        steps = low[_PAST:] - low[_PAST - 1 : -1]
        levels: list[int] = (steps * steps).reshape(-1, _STEP).sum(axis=1).tolist()
        loud = [n for n, level in enumerate(levels) if self._is_loud(level)]
        voices = self._compare(*_voices(low, loud, rows)) if loud else {}
        for n, level in enumerate(levels):
            gain = -1
            if n not in voices:
                self.spread = -1
            elif self._is_evidence(voices[n]):
                gain = _SCORE_WEAK if level < _LEVEL_SURE else _SCORE_SURE
            self.score = min(max(self.score + gain, 0), _SCORE_MOST)
            least = _SCORE_END if self.speaking else _SCORE_BEGIN
            self.speaking = self.score >= least
            yield self.speaking

    def _is_loud(self, level: int) -> bool:
        noise = max(self.floor, _FLOOR_LEAST)
        if level > noise:
            self.floor = min(level, noise + (noise >> 5))
        else:
            self.floor = noise - ((noise - level) >> 2)
        return level >= max(_LEVEL_LEAST, _OVER_FLOOR * self.floor)

    def _compare(
        self, frames: list[int], correlations: _Whole, powers: _Whole
    ) -> dict[int, _Voice]:
        """Each voiced frame with the one before."""
        if not frames:
            return {}
        magnitudes = np.sqrt(powers.astype(np.float64)).astype(np.int64)
        correlations = np.vstack((self.correlations.astype(np.int64), correlations))
        magnitudes = np.vstack((self.magnitudes.astype(np.int64), magnitudes))
        self.correlations[:], self.magnitudes[:] = correlations[-1], magnitudes[-1]
        changes = np.abs(correlations[1:] - correlations[:-1]).sum(axis=1)
        overlaps = (magnitudes[1:] * magnitudes[:-1]).sum(axis=1)
        totals = powers.sum(axis=1)
        rests = _without_two_peaks(powers).sum(axis=1)
        spreads = rests * 1000 // np.maximum(totals, 1)
        voices: list[_Voice] = np.column_stack(
            (totals, spreads, changes, overlaps)
        ).tolist()
        return dict(zip(frames, voices, strict=True))

    def _is_evidence(self, voice: _Voice) -> bool:
        """Whether this voiced frame and the last are voices that changed, no tones."""
        power, spread, change, overlap = voice
        most = _OVERLAP_MOST * (float(power) * float(self.power))
        least_spread = min(spread, self.spread)
        self.power, self.spread = power, spread
        return (
            least_spread >= 0
            and change >= _CHANGE_LEAST
            and least_spread * change >= _SPREAD_CHANGE_LEAST
            and float(overlap) * float(overlap) <= most
        )


def _halved(x: _Whole) -> _Whole:
    """To 4 kHz, by the taps 1, 3, 3, 1; two samples more are known at the front."""
    a, b, c, d = x[:-2:2], x[1:-2:2], x[2::2], x[3::2]
    return (a + 3 * (b + c) + d + 4) >> 3


def _voices(
    low: _Whole, frames: list[int], rows: tuple[_Float, _Float]
) -> tuple[list[int], _Whole, _Whole]:
    """Those frames that are voiced, their correlations, their powers."""
    item = low.itemsize
    shape, strides = (len(low) // _STEP - 1, _PAST + _STEP), (_STEP * item, item)
    known = np.ndarray(shape, low.dtype, low, 0, strides)[frames]
    correlations = _correlations(known)
    voiced = np.flatnonzero(correlations[:, _LEAST_LAG:].max(axis=1) >= _VOICED)
    found = [frames[n] for n in voiced.tolist()]
    return found, correlations[voiced], _powers(known[voiced], rows)


def _correlations(known: _Whole) -> _Whole:
    """How each frame resembles itself some samples ago, 128 for the same; each lag."""
    sums = np.cumsum(known, axis=1)
    means = sums[:, _MEAN - 1 :].copy()
    means[:, 1:] -= sums[:, :-_MEAN]
    z = _normalised(_MEAN * known[:, _MEAN - 1 :] - means)
    exact = z.astype(np.float64)
    window = exact[:, _LAGS:]
    products = np.array(
        [np.correlate(a, b) for a, b in zip(exact, window, strict=True)]
    )
    squares = np.cumsum(z * z, axis=1)
    energies = squares[:, _WINDOW - 1 :].copy()
    energies[:, 1:] -= squares[:, :-_WINDOW]
    energies = energies[:, ::-1].astype(np.float64)
    scale = np.sqrt(energies[:, :1] * energies)
    scale[scale == 0] = np.inf
    quotients: _Float = products[:, ::-1] * 128.0 / scale
    return quotients.astype(np.int64)


def _powers(known: _Whole, rows: tuple[_Float, _Float]) -> _Whole:
    """The spectrum of each frame, bin by bin."""
    y = _normalised(known[:, -_SPECTRUM:] - known[:, -_SPECTRUM - 1 : -1])
    front, back = y[:, :_HALF].copy(), y[:, :_HALF:-1]
    front[:, 0] = y[:, _HALF]
    even, odd = front.astype(np.float64), np.zeros(front.shape)
    even[:, 1:] += back
    odd[:, 1:] = front[:, 1:] - back
    re = (even @ rows[0]).astype(np.int64) >> 15
    im = (odd @ rows[1]).astype(np.int64) >> 15
    return re * re + im * im


def _without_two_peaks(powers: _Whole) -> _Whole:
    bins = np.arange(_BINS)
    for _ in range(_PEAKS):
        tops = powers.argmax(axis=1).reshape(-1, 1)
        powers = np.where(np.abs(bins - tops) <= _PEAK_REACH, 0, powers)
    return powers


def _normalised(x: _Whole) -> _Whole:
    """Each row shifted down to 11 bits and a sign."""
    most: list[int] = np.abs(x).max(axis=1, initial=0).tolist()
    shifts = [max(loudest.bit_length() - _BITS, 0) for loudest in most]
    return x >> np.array(shifts, np.int64).reshape(-1, 1)
