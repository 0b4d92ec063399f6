"""Between 8, 16 and 24 kHz: one kind of low-pass filter, streamed, for any chunk size.

Each is a windowed sinc (Kaiser) on the coarsest grid that has the samples of both rates,
6 dB down at half the lower rate, flat within 0.01 dB below the transition, whatever the
frequency delayed by the same time:

==========  ======  ==============  ============  =======  =======  =======
rates, kHz  grid    transition      stop band     up       down     half
==========  ======  ==============  ============  =======  =======  =======
8, 24       24 kHz  3.4 to 4.6 kHz  below -70 dB  1.83 ms  1.75 ms  44 taps
8, 16       16 kHz  3.4 to 4.6 kHz  below -69 dB  1.81 ms  1.75 ms  29 taps
16, 24      48 kHz  7.2 to 8.8 kHz  below -68 dB  1.33 ms  1.31 ms  65 taps
==========  ======  ==============  ============  =======  =======  =======

Upwards every sample of the lower rate that falls on one of the higher passes unchanged.

The taps are rounded to multiples of 2**-24: then every partial sum is exact in 64-bit
floats, and neither the order of summing nor the engine can change a sample.
"""

from array import array
from functools import cache
from itertools import count
from math import gcd, pi, sin, sqrt
from typing import Final

from attrs import define, frozen

from .engine import resample

_TAP_BITS: Final = 24  # 16 bits of sample, 24 of tap, 2 of gain: well below 53
_SAMPLE_BYTES: Final = 2


@frozen
class _Shape:
    """How long a filter is, and how its window falls.

    Attributes:
        half: Taps on each side of the middle; one more would be zero.
        beta: The Kaiser window's: the best stop band for this length, found by search.
    """

    half: int
    beta: float


# By the lower rate and the higher one.
_SHAPES: Final = {
    (8_000, 16_000): _Shape(29, 6.8),
    (8_000, 24_000): _Shape(44, 6.9),
    (16_000, 24_000): _Shape(65, 6.8),
}


@frozen(eq=False)
class Direction:
    """From one rate to another. A unit is the least that can be converted.

    Attributes:
        unit_in: How many samples it takes.
        unit_out: How many samples are made of them.
        taps: As an engine takes them.
        history: How many units before a unit have a part in its outputs.
        tail_bytes: How long the last sample of a stream still sounds, as input.
        delay_samples: Of any sound, in samples that come out.
    """

    unit_in: int
    unit_out: int
    taps: bytes
    history: int
    tail_bytes: int
    delay_samples: int

    @property
    def silence(self) -> bytes:
        """What was heard before a stream begins."""
        return bytes(self.history * self.unit_in * _SAMPLE_BYTES)


def _low_pass(shape: _Shape, ratio: int, phases: int) -> list[float]:
    """The taps on the grid, each of their phases of gain 1.

    The Kaiser window is the modified Bessel function of order zero, 1 in the middle.
    Equal phases put a zero at the grid's rate divided by their number: a constant offset
    makes no tone.
    """
    half, highest = shape.half, _bessel_i0(shape.beta)
    right = [
        _sinc(n / ratio)
        * (_bessel_i0(shape.beta * sqrt(1 - (n / half) ** 2)) / highest)
        for n in range(half + 1)
    ]
    taps = right[:0:-1] + right
    sums = [sum(taps[phase::phases]) for phase in range(phases)]
    return [tap / sums[n % phases] for n, tap in enumerate(taps)]


def _sinc(x: float) -> float:
    return sin(pi * x) / (pi * x) if x else 1.0


def _bessel_i0(x: float) -> float:
    """Its power series: the squares of ``(x/2)**k / k!``."""
    total = term = 1.0
    for k in count(1):
        term *= (x / (2 * k)) ** 2
        if total + term == total:
            break
        total += term
    return total


def _rounded(taps: list[float], gain: float) -> list[float]:
    scale = 2**_TAP_BITS
    return [round(tap * gain * scale) / scale for tap in taps]


@cache
def _direction(from_hz: int, to_hz: int) -> Direction:
    """Its filter, divided into those of each output of a unit for each of its inputs.

    On the grid an input is every ``unit_out`` steps, an output every ``unit_in``. The
    outputs of a unit stand as late as what has come by its end allows.
    """
    shape = _SHAPES.get((min(from_hz, to_hz), max(from_hz, to_hz)))
    if shape is None:
        why = f"from {from_hz} to {to_hz} Hz: only between 8000, 16000 and 24000"
        raise ValueError(why)
    common_hz = gcd(from_hz, to_hz)
    unit_in, unit_out = from_hz // common_hz, to_hz // common_hz
    ratio = max(unit_in, unit_out)
    phases = unit_out if unit_out > 1 else unit_in
    taps = _rounded(_low_pass(shape, ratio, phases), unit_out / phases)
    late, last, unit = unit_in - 1, 2 * shape.half, unit_in * unit_out
    history = (last - late + late * unit_out) // unit
    # Oldest first; before the first tap and behind the last there is nothing.
    divided = [
        taps[at] if 0 <= at <= last else 0.0
        for out in range(unit_out)
        for into in range(unit_in)
        for back in range(history, -1, -1)
        for at in [out * unit_in + late - into * unit_out + back * unit]
    ]
    return Direction(
        unit_in,
        unit_out,
        array("d", divided).tobytes(),
        history,
        tail_bytes=((last - late) // unit_out + late) * _SAMPLE_BYTES,
        delay_samples=(shape.half - late) // unit_in,
    )


@define
class Resampler:
    """One stream in one direction; what it keeps is less than 200 bytes."""

    direction: Direction
    _kept: bytes

    def push(self, pcm: bytes) -> bytes:
        """Convert what can be converted now.

        Args:
            pcm: PCM16LE, any number of bytes; what does not fill a sample or a unit
                is kept for the next call.

        Returns:
            PCM16LE: as many samples, times the ratio of the rates.
        """
        way = self.direction
        pcm = self._kept + pcm
        made = resample(pcm, way.taps, way.unit_in, way.unit_out)
        self._kept = pcm[len(made) // way.unit_out * way.unit_in :]
        return made

    def flush(self) -> bytes:
        """End the stream: what the filter still holds, at most 3.75 ms; nothing if silent.

        Half a sample at the very end is left out. The next ``push`` begins a new stream.
        """
        way, kept = self.direction, self._kept
        self._kept = kept[: len(kept) & -_SAMPLE_BYTES]
        tail = self.push(bytes(way.tail_bytes)) if any(kept) else b""
        self._kept = way.silence
        return tail


def resampler(from_hz: int, to_hz: int) -> Resampler:
    """A stream from one rate to another; the first of a direction builds its filter.

    Raises:
        ValueError: The rates are equal, or not two of 8, 16 and 24 kHz.
    """
    way = _direction(from_hz, to_hz)
    return Resampler(way, way.silence)


def resample_whole(pcm: bytes, from_hz: int, to_hz: int) -> bytes:
    """A whole sound at another rate: as long as it was, and without the filter's delay.

    Args:
        pcm: PCM16LE; half a sample at the very end is left out.
        from_hz: Its rate.
        to_hz: The rate that is wanted; may be the same.

    Raises:
        ValueError: As for `resampler`, but equal rates are fine.
    """
    if from_hz == to_hz:
        return pcm[: len(pcm) & -_SAMPLE_BYTES]
    stream = resampler(from_hz, to_hz)
    way = stream.direction
    samples = len(pcm) // _SAMPLE_BYTES
    # What is silent at its end gets no tail; it is still as long as it was.
    silence = bytes(way.tail_bytes + way.unit_in * _SAMPLE_BYTES)
    made = stream.push(pcm[: samples * _SAMPLE_BYTES] + silence)
    first = way.delay_samples
    last = first + -(-samples * way.unit_out // way.unit_in)
    return made[first * _SAMPLE_BYTES : last * _SAMPLE_BYTES]
