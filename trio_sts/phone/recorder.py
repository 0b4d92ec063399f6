"""A call as a stereo WAV file, written while it goes on."""

import wave
from pathlib import Path
from typing import BinaryIO

import numpy as np
from attrs import frozen

from trio_sts.audio.framing import SAMPLE_RATE_HZ


@frozen
class Recorder:
    """Writes a call as it goes on: the caller is left, the agent is right.

    Close it: the header is only right then.
    """

    _raw: BinaryIO
    _file: wave.Wave_write

    @classmethod
    def open(cls, path: Path, rate_hz: int = SAMPLE_RATE_HZ) -> "Recorder":
        """Record to a stereo WAV file of 16 bits: at 8000 Hz 32 kB a second.

        Raises:
            OSError: The file cannot be written.
        """
        raw = path.open("wb")
        file = wave.open(raw, "wb")  # noqa: SIM115 - close() closes it
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        return cls(raw, file)

    def write(self, caller_pcm: bytes, agent_pcm: bytes) -> None:
        """Append what both sides did in the same time; both have the same length.

        Raises:
            OSError: The disk is full.
        """
        both = np.empty((len(caller_pcm) // 2, 2), "<i2")
        both[:, 0] = np.frombuffer(caller_pcm, "<i2")
        both[:, 1] = np.frombuffer(agent_pcm, "<i2")
        self._file.writeframesraw(both.tobytes())

    def close(self) -> None:
        """Finish the file, also when this fails.

        Raises:
            OSError: The disk is full.
        """
        with self._raw:
            self._file.close()
