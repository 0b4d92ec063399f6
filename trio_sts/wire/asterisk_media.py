"""How samples are written on a `chan_websocket`, by the name of Asterisk's format."""

from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from trio_sts.audio.g711 import A_LAW, MU_LAW, Law
from trio_sts.errors import BadMessage

_SAMPLE_BYTES: Final = 2


@frozen
class MediaFormat:
    """One format.

    Attributes:
        name: As ``c(...)`` in ``Dial`` and `MediaStart` have it.
        rate_hz: Of the samples, before and after.
        law: How each sample is one byte; None for PCM16LE as it is.
    """

    name: str
    rate_hz: int
    law: Law | None = field(default=None, repr=False)

    def media_bytes(self, ms: int) -> int:
        """How many bytes so much audio is in this format."""
        samples = self.rate_hz * ms // 1_000
        return samples * (_SAMPLE_BYTES if self.law is None else 1)

    def decode(self, media: bytes) -> bytes:
        """What a binary message holds, as PCM16LE.

        Raises:
            BadMessage: Half a sample: the length is odd.
        """
        if self.law is not None:
            return self.law.decode(media)
        if len(media) % _SAMPLE_BYTES:
            raise BadMessage("media: half a sample; the length in bytes is odd")
        return media

    def encode(self, pcm: bytes) -> bytes:
        """PCM16LE as a binary message holds it.

        Raises:
            ValueError: The number of bytes is odd, where each sample becomes one.
        """
        return pcm if self.law is None else self.law.encode(pcm)


FORMATS: Final[Mapping[str, MediaFormat]] = {
    each.name: each
    for each in (
        MediaFormat("slin24", 24_000),
        MediaFormat("slin16", 16_000),
        MediaFormat("slin", 8_000),
        MediaFormat("ulaw", 8_000, MU_LAW),
        MediaFormat("alaw", 8_000, A_LAW),
    )
}
