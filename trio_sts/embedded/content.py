"""What a message is made of: parts of text or audio, cut to what was heard."""

from collections.abc import Sequence
from typing import Any, Final

import trio
from attrs import define, field

from .refusal import Refusal

_CHARACTERS_PER_TOKEN = 4
_MS_PER_TOKEN: Final = {"input_audio": 100, "output_audio": 50}


@define(eq=False)
class SpokenWord:
    """A word of an agent's part: where its text ends and when it is half said."""

    end: int
    middle_ms: float


@define(eq=False, kw_only=True)
class Part:
    """One part of a message's content.

    Attributes:
        type: ``input_text``, ``input_audio``, ``input_image``, ``output_text`` or
            ``output_audio``.
        said: Its text: written, recognised, or spoken so far.
        audio_ms: How much audio it holds; 0 for text.
        words: For an agent's audio, what ``said`` may be cut at.
        pcm8k: A caller's audio that waits for the recogniser: PCM16LE, 8 kHz.
        image_url: Of a picture, which nobody looks at.
        heard: Set when ``said`` is known; speech is recognised in a thread.
        truncated: What comes late is no part of it any more.
    """

    type: str
    said: str = field(default="", repr=False)
    audio_ms: int = 0
    words: Sequence[SpokenWord] = field(default=(), repr=False)
    pcm8k: bytes = field(default=b"", repr=False)
    image_url: str | None = field(default=None, repr=False)
    heard: trio.Event | None = None
    truncated: bool = False

    @property
    def spoken(self) -> bool:
        """Whether it is audio."""
        return self.type.endswith("audio")

    @property
    def voiced(self) -> str:
        """Its text as far as its audio goes: the transcript runs ahead of that."""
        if not self.words:
            return self.said
        return self.said[: self._end_at(self.audio_ms)]

    @property
    def tokens(self) -> tuple[int, int]:
        """How many text and audio tokens it is."""
        if self.spoken:
            return (0, -(-self.audio_ms // _MS_PER_TOKEN[self.type]))
        return (text_tokens(self.said), 0)

    def understood(self, said: str) -> None:
        """Its words are known; whoever waits for them may go on."""
        self.said, self.pcm8k = said, b""
        if self.heard is not None:
            self.heard.set()

    def as_dict(self) -> dict[str, Any]:
        """The part as items show it: no audio in it."""
        if self.image_url is not None:
            return {"type": self.type, "image_url": self.image_url}
        if not self.spoken:
            return {"type": self.type, "text": self.said}
        known = self.heard is None or self.heard.is_set()
        return {"type": self.type, "transcript": self.said if known else None}

    def truncate(self, audio_end_ms: int) -> None:
        """Forget what was not heard: words that were not half said are not kept.

        Raises:
            Refusal: It holds no agent's audio, or less than that.
        """
        if self.type != "output_audio" or not self.audio_ms:
            raise Refusal(
                "unsupported_content_type",
                "Only model output audio messages can be truncated",
            )
        if audio_end_ms > self.audio_ms:
            raise Refusal(
                "invalid_value",
                f"Audio content of {self.audio_ms}ms is already shorter than "
                f"{audio_end_ms}ms",
                "audio_end_ms",
            )
        self.said = self.said[: self._end_at(audio_end_ms)]
        self.audio_ms = audio_end_ms
        self.truncated = True

    def _end_at(self, audio_end_ms: int) -> int:
        """Where the text ends of which at least half of the last word is said by then."""
        ends = [word.end for word in self.words if word.middle_ms <= audio_end_ms]
        return ends[-1] if ends else 0


def text_tokens(text: str) -> int:
    """A rule of thumb for English: four characters are one token."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)
