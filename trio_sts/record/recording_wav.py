"""The head of a recording's WAV file: G.711 mu-law, stereo, 8 kHz.

Sources: Multimedia Programming Interface and Data Specifications 1.0 (RIFF), and its
revision 3 for formats other than PCM, which asks for an extended ``fmt`` chunk and a
``fact`` chunk with the number of samples; EBU Tech 3306 for files over 4 GiB (RF64).
"""

from struct import pack
from typing import Final

from trio_sts.audio.framing import SAMPLE_RATE_HZ

CHANNELS: Final = 2
_MU_LAW: Final = 7
_BITS: Final = 8
# What stands for a size that is not known yet, or has no room in 32 bits: 74 hours.
# Readers know it from streams, and read to the end of the file.
_TO_THE_END: Final = 0xFFFFFFFF
_FORMAT: Final = pack(
    "<HHIIHHH",
    _MU_LAW,
    CHANNELS,
    SAMPLE_RATE_HZ,
    SAMPLE_RATE_HZ * CHANNELS,
    CHANNELS,
    _BITS,
    0,
)


def wav_head(samples: int | None = None) -> bytes:
    """The bytes before the audio; always as many.

    Args:
        samples: How many samples each channel has; None while that is not known.
    """
    known = samples or 0
    data_bytes = known * CHANNELS
    # Without a number of samples readers find the duration by the file's length.
    fact = pack("<I", min(known, _TO_THE_END))
    head = _chunk(b"fmt ", _FORMAT) + _chunk(b"fact", fact) + b"data"
    size = len(b"WAVE") + len(_sizes(0, 0, 0)) + len(head) + 4 + data_bytes
    outer, room, shown = b"RIFF", _chunk(b"JUNK", bytes(28)), (size, data_bytes)
    if size >= _TO_THE_END:
        outer, room = b"RF64", _sizes(size, data_bytes, known)
    if samples is None or size >= _TO_THE_END:
        shown = _TO_THE_END, _TO_THE_END
    riff_size, data_size = (pack("<I", each) for each in shown)
    return outer + riff_size + b"WAVE" + room + head + data_size


def _sizes(riff_bytes: int, data_bytes: int, samples: int) -> bytes:
    """The sizes in 64 bits, and no table of other chunks."""
    return _chunk(b"ds64", pack("<QQQI", riff_bytes, data_bytes, samples, 0))


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + pack("<I", len(content)) + content
