"""Frames: the 20 ms units in which audio travels on the caller leg."""

from typing import Final

from attrs import define

SAMPLE_RATE_HZ: Final = 8_000
SAMPLE_BYTES: Final = 2
FRAME_MS: Final = 20
FRAME_SAMPLES: Final = SAMPLE_RATE_HZ * FRAME_MS // 1_000
FRAME_BYTES: Final = FRAME_SAMPLES * SAMPLE_BYTES


@define
class Framer:
    """Cuts a stream of PCM into frames; less than one frame is ever held back."""

    _rest: bytes = b""

    def push(self, pcm: bytes) -> list[bytes]:
        """Take any number of bytes.

        Returns:
            The frames that are complete now, ``FRAME_BYTES`` each.
        """
        pcm = self._rest + pcm
        whole_bytes = len(pcm) - len(pcm) % FRAME_BYTES
        self._rest = pcm[whole_bytes:]
        return [
            pcm[start : start + FRAME_BYTES]
            for start in range(0, whole_bytes, FRAME_BYTES)
        ]

    def flush(self) -> list[bytes]:
        """End the stream: the partial frame, filled with silence, if there is one.

        Half a sample at the very end is not audio and is left out. The next ``push``
        begins a new stream.
        """
        rest = self._rest[: len(self._rest) & -SAMPLE_BYTES]
        self._rest = b""
        return [rest.ljust(FRAME_BYTES, b"\0")] if rest else []
