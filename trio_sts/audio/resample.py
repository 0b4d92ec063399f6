"""Between 8 and 24 kHz: one low-pass filter, streamed, the same for any chunk size.

The filter is a windowed sinc (Kaiser) on the 24 kHz grid, 6 dB down at 4 kHz. Upwards
it fills in two samples between any two of the caller's, which pass unchanged; downwards
every third output is computed and no other. Its figures: flat within 0.01 dB to 3.4 kHz,
below -70 dB from 4.6 kHz on. It delays by 1.83 ms upwards, 1.75 ms downwards.

The taps are rounded to multiples of 2**-24: then every partial sum is exact in 64-bit
floats, and neither the order of summing nor the engine can change a sample.
"""

from array import array
from collections.abc import Callable
from functools import cache
from itertools import chain, count
from math import pi, sin, sqrt
from typing import Final

from attrs import define, frozen

from .engine import downsample, upsample

_RATIO: Final = 3  # 24 kHz to 8 kHz
_HALF: Final = 44  # taps on each side of the middle; a 45th would be zero
_BETA: Final = 6.9  # the best stop band for this length, found by search
_TAP_BITS: Final = 24  # 16 bits of sample, 24 of tap, 2 of gain: well below 53
_SAMPLE_BYTES: Final = 2


@frozen(eq=False)
class Direction:
    """One way. A unit is the least that can be converted: 1 sample to 3, or 3 to 1.

    Attributes:
        convert: An engine's: PCM with the filter's history at its front to PCM.
        taps: As the engine takes them.
        history: How many units before a unit have a part in its outputs.
        unit_in_bytes: PCM16LE.
        unit_out_bytes: PCM16LE.
        tail_bytes: How long the last sample of a stream still sounds, as input.
    """

    convert: Callable[[bytes, bytes], bytes]
    taps: bytes
    history: int
    unit_in_bytes: int
    unit_out_bytes: int
    tail_bytes: int

    @property
    def silence(self) -> bytes:
        """What was heard before a stream begins."""
        return bytes(self.history * self.unit_in_bytes)


def _low_pass() -> list[float]:
    """The taps on the 24 kHz grid, each of their three phases of gain 1.

    Equal phases put a zero at 8 kHz: a constant offset makes no tone.
    """
    taps = [_sinc(n / _RATIO) * _kaiser(n / _HALF) for n in range(-_HALF, _HALF + 1)]
    sums = [sum(taps[phase::_RATIO]) for phase in range(_RATIO)]
    return [tap / sums[n % _RATIO] for n, tap in enumerate(taps)]


def _sinc(x: float) -> float:
    return sin(pi * x) / (pi * x) if x else 1.0


def _kaiser(position: float) -> float:
    """The window, from -1 to 1, by the modified Bessel function of order zero."""
    return _bessel_i0(_BETA * sqrt(1 - position**2)) / _bessel_i0(_BETA)


def _bessel_i0(x: float) -> float:
    """Its power series: the squares of ``(x/2)**k / k!``."""
    total = term = 1.0
    for k in count(1):
        term *= (x / (2 * k)) ** 2
        if total + term == total:
            break
        total += term
    return total


def _phases(gain: float) -> list[list[float]]:
    """The taps of each output in three, for the oldest sample first."""
    scale = 2**_TAP_BITS
    taps = [round(tap * gain * scale) / scale for tap in _low_pass()]
    taps += [0.0] * (-len(taps) % _RATIO)
    return [taps[phase::_RATIO][::-1] for phase in range(_RATIO)]


def _direction(
    convert: Callable[[bytes, bytes], bytes],
    phases: list[list[float]],
    *,
    unit_in: int,
    unit_out: int,
) -> Direction:
    return Direction(
        convert,
        taps=array("d", chain.from_iterable(phases)).tobytes(),
        history=len(phases[0]) - 1,
        unit_in_bytes=unit_in * _SAMPLE_BYTES,
        unit_out_bytes=unit_out * _SAMPLE_BYTES,
        tail_bytes=2 * _HALF * unit_in // _RATIO * _SAMPLE_BYTES,
    )


@cache
def _up() -> Direction:
    return _direction(upsample, _phases(1.0), unit_in=1, unit_out=_RATIO)


@cache
def _down() -> Direction:
    # The output stands at the last of its three samples, so theirs are turned round.
    phases = _phases(1.0 / _RATIO)[::-1]
    return _direction(downsample, phases, unit_in=_RATIO, unit_out=1)


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
            PCM16LE: three samples for each sample, or one for each three.
        """
        way = self.direction
        pcm = self._kept + pcm
        made = way.convert(pcm, way.taps)
        self._kept = pcm[len(made) // way.unit_out_bytes * way.unit_in_bytes :]
        return made

    def flush(self) -> bytes:
        """End the stream: what the filter still holds, 3.75 ms; nothing if silent.

        Half a sample at the very end is left out. The next ``push`` begins a new stream.
        """
        way, kept = self.direction, self._kept
        self._kept = kept[: len(kept) & -_SAMPLE_BYTES]
        tail = self.push(bytes(way.tail_bytes)) if any(kept) else b""
        self._kept = way.silence
        return tail


def upsampler() -> Resampler:
    """From 8 to 24 kHz."""
    way = _up()
    return Resampler(way, way.silence)


def downsampler() -> Resampler:
    """From 24 to 8 kHz."""
    way = _down()
    return Resampler(way, way.silence)
