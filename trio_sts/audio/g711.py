"""G.711, both laws, by tables that are built once.

The 16-bit samples here are G.711's uniform PCM (14 bits for mu-law, 13 for A-law),
left-justified, as every telephone system carries them.

Sources: ITU-T G.711 (11/88), tables 1 and 2: in each of eight segments sixteen equal
intervals, each decoded to its middle. What happens to a sample exactly between two
intervals is left open there; here it is as in the ITU's own tool library (G.191): an
interval contains its lower end, and the negative half mirrors ``x`` to ``-1 - x``.
"""

from itertools import chain
from struct import pack
from typing import Final

from attrs import field, frozen

from .engine import compress

_SIGN: Final = bytes(code ^ 0x80 for code in range(256))
_POSITIVE: Final = 1 << 15  # samples 0 to 32767; the overload of mu-law included


@frozen
class Law:
    """One companding law as tables.

    ``codes`` has the code of every sample, read as unsigned; ``low`` and ``high`` have
    the two bytes of every code's sample.
    """

    codes: bytes = field(repr=False)
    low: bytes = field(repr=False)
    high: bytes = field(repr=False)

    def encode(self, pcm: bytes) -> bytes:
        """Compress PCM16LE to one byte for each sample.

        Raises:
            ValueError: The number of bytes is odd.
        """
        return compress(pcm, self.codes)

    def decode(self, codes: bytes) -> bytes:
        """Expand one byte for each sample to PCM16LE."""
        pcm = bytearray(2 * len(codes))
        pcm[::2] = codes.translate(self.low)
        pcm[1::2] = codes.translate(self.high)
        return bytes(pcm)


def _law(widths: list[int], levels: list[int], codes: bytes) -> Law:
    """Build the tables from the positive half, interval by interval, 128 of them.

    Args:
        widths: How many 16-bit samples each interval contains, from zero upwards.
        levels: What a code of each interval is decoded to.
        codes: The code of each interval.
    """
    runs = (bytes([code]) * width for code, width in zip(codes, widths, strict=True))
    positive = b"".join(runs).ljust(_POSITIVE, codes[-1:])
    decoded = dict(zip(codes, levels, strict=True))
    decoded |= {_SIGN[code]: -level for code, level in decoded.items()}
    samples = pack("<256h", *(decoded[code] for code in range(256)))
    return Law(
        codes=positive + positive[::-1].translate(_SIGN),
        low=samples[::2],
        high=samples[1::2],
    )


def _segments(steps: list[int]) -> list[int]:
    """Widths of all intervals: sixteen of each step."""
    return list(chain.from_iterable([step] * 16 for step in steps))


def _mu_law() -> Law:
    steps = [8 << segment for segment in range(8)]
    widths = _segments(steps)
    widths[0] = 4  # interval 0 is a whole one around zero: half of it on each side
    levels = [
        (step << 4) + step * mantissa + step // 2 - 132
        for step in steps
        for mantissa in range(16)
    ]
    return _law(widths, levels, bytes(range(0xFF, 0x7F, -1)))


def _a_law() -> Law:
    steps = [16, *(16 << segment for segment in range(7))]
    levels = [
        (step << 4 if segment else 0) + step * mantissa + step // 2
        for segment, step in enumerate(steps)
        for mantissa in range(16)
    ]
    # Every other bit is inverted on the line (G.711, note 2 to table 1).
    return _law(_segments(steps), levels, bytes(n ^ 0xD5 for n in range(128)))


MU_LAW: Final = _mu_law()
A_LAW: Final = _a_law()
