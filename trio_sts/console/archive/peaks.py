"""How loud a recording is, in so many places: its picture."""

import os
from itertools import pairwise
from pathlib import Path
from struct import unpack_from
from typing import Any, BinaryIO, Final

import numpy as np

from trio_sts.audio.framing import SAMPLE_RATE_HZ
from trio_sts.audio.g711 import MU_LAW
from trio_sts.record.recording_wav import CHANNELS

# Ten hours of both voices.
MOST_BYTES: Final = 600 * 1024 * 1024
_HEAD_BYTES: Final = 256
_MU_LAW_TAG: Final = 7
_FULL_SCALE: Final = 32768


class Unplayable(Exception):
    """It is no recording of ours; the text says why."""


def peaks_of(path: Path, count: int) -> dict[str, Any]:
    """The loudest sample of each of ``count`` parts of equal length, from 0 to 1.

    Raises:
        Unplayable: It is no recording of ours.
    """
    try:
        with path.open("rb") as file:
            begins = _data_begins(file)
            size = os.fstat(file.fileno()).st_size - begins
    except OSError as exc:
        raise Unplayable(exc.strerror or type(exc).__name__) from exc
    if size > MOST_BYTES:
        raise Unplayable("The recording is too long for a picture.")
    samples = size // CHANNELS
    if samples <= 0:
        return {"caller": [], "agent": [], "duration_s": 0.0}
    codes = np.memmap(path, np.uint8, "r", begins, (samples, CHANNELS))
    edges = np.linspace(0, samples, min(count, samples) + 1, dtype=np.int64)
    # The smaller these seven bits of a code, the louder is its sample.
    quiet = np.array(
        [(np.asarray(codes[a:b]) & 0x7F).min(axis=0) for a, b in pairwise(edges)]
    )
    loud = _loudness()[quiet]
    return {
        "caller": [round(float(each), 3) for each in loud[:, 0]],
        "agent": [round(float(each), 3) for each in loud[:, 1]],
        "duration_s": round(samples / SAMPLE_RATE_HZ, 3),
    }


def _loudness() -> "np.ndarray[Any, np.dtype[np.float64]]":
    pcm = np.frombuffer(MU_LAW.decode(bytes(range(128))), "<i2")
    return np.abs(pcm.astype(np.float64)) / _FULL_SCALE


def _data_begins(file: BinaryIO) -> int:
    """Where the samples begin: chunks of a WAV file, as `recording_wav` writes them."""
    head = file.read(_HEAD_BYTES)
    if head[:4] not in {b"RIFF", b"RF64"} or head[8:12] != b"WAVE":
        raise Unplayable("It is no WAV file.")
    at, is_ours = 12, False
    while at + 8 <= len(head):
        name, size = head[at : at + 4], unpack_from("<I", head, at + 4)[0]
        if name == b"fmt ":
            tag, channels, rate = unpack_from("<HHI", head, at + 8)
            is_ours = (tag, channels, rate) == (_MU_LAW_TAG, CHANNELS, SAMPLE_RATE_HZ)
        if name == b"data" and is_ours:
            return at + 8
        at += 8 + size + size % 2
    raise Unplayable("It is no recording of this service.")
