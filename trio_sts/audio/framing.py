"""Frames: the 20 ms units in which audio travels on the caller leg.

Caller-side audio is PCM16LE, mono, at the line's rate: 8 kHz unless it says otherwise.
"""

from typing import Final

from attrs import define, field, setters

SAMPLE_RATE_HZ: Final = 8_000
SAMPLE_BYTES: Final = 2
FRAME_MS: Final = 20
FRAME_SAMPLES: Final = SAMPLE_RATE_HZ * FRAME_MS // 1_000
FRAME_BYTES: Final = FRAME_SAMPLES * SAMPLE_BYTES


def frame_bytes(rate_hz: int) -> int:
    """A frame's size at this rate."""
    return rate_hz * FRAME_MS // 1_000 * SAMPLE_BYTES


def ms_per_pcm_byte(rate_hz: int) -> float:
    """The duration of a byte of PCM16LE at this rate, in ms."""
    return 1_000 / (rate_hz * SAMPLE_BYTES)


# Converted once: a hook on each assignment costs more than the assignments do.
@define(on_setattr=setters.NO_OP)
class Framer:
    """Cuts a stream of PCM into frames; less than one frame is ever held back.

    Args:
        rate_hz: The stream's.
    """

    _frame_bytes: int = field(
        default=SAMPLE_RATE_HZ, converter=frame_bytes, alias="rate_hz"
    )
    _rest: bytes = b""

    def push(self, pcm: bytes) -> list[bytes]:
        """Take any number of bytes.

        Returns:
            The frames that are complete now, `frame_bytes` each.
        """
        size = self._frame_bytes
        pcm = self._rest + pcm
        whole_bytes = len(pcm) - len(pcm) % size
        self._rest = pcm[whole_bytes:]
        return [pcm[start : start + size] for start in range(0, whole_bytes, size)]

    def flush(self) -> list[bytes]:
        """End the stream: the partial frame, filled with silence, if there is one.

        Half a sample at the very end is not audio and is left out. The next ``push``
        begins a new stream.
        """
        rest = self._rest[: len(self._rest) & -SAMPLE_BYTES]
        self._rest = b""
        return [rest.ljust(self._frame_bytes, b"\0")] if rest else []
