"""Whether the caller speaks, by our own voice activity detection.

It decides nothing that the model's VAD decides. It distinguishes a silent caller from
one whom the model does not hear, and shows that a transferred caller is still here.
"""

from typing import Final, Protocol

from attrs import define, field

from trio_sts.audio.framing import FRAME_MS
from trio_sts.audio.voice_activity import VoiceActivityDetector
from trio_sts.conversation.moments import NEVER

# Between words and sentences.
HANG_OVER_S: Final = 0.3
# The model had this to react to: less may be a cough, or a word that its VAD ignores.
UNANSWERED_MS: Final = 1_000

_NEVER_BEFORE: Final = float("-inf")
_SPEECH: Final = 1


class SpeechDetector(Protocol):
    """What tells speech from other sound: the one place where samples are looked at."""

    @property
    def waiting_ms(self) -> float:
        """How much of the stream was taken and not judged yet."""
        ...

    def feed(self, pcm: bytes) -> bytes:
        """Take more of the stream: any number of bytes of PCM16LE, at the line's rate.

        Returns:
            One byte for each frame of 20 ms that was judged by this call, in order: 1
            if there is speech in it, else 0.
        """
        ...


@define
class Ear:
    """The caller's speech as detected here, 100 ms late at most.

    Written by: hearing; whoever takes the model's events says `answered`.

    Attributes:
        last_speech_at: When speech was last heard; -inf if never.
        speech_ms: How much was heard in the call.
        unanswered_at: When the speech since the last event of the model was a second
            long; inf as long as it is not.
    """

    _detector: SpeechDetector = field(factory=VoiceActivityDetector, repr=False)
    last_speech_at: float = _NEVER_BEFORE
    speech_ms: int = 0
    unanswered_at: float = NEVER
    _answered_ms: int = 0

    def hear(self, pcm: bytes, now: float) -> None:
        """Take caller audio: any amount of PCM16LE, the last of it from now."""
        frames = self._detector.feed(pcm)
        if _SPEECH in frames:
            self._hear_speech(frames, now)

    def answered(self) -> None:
        """Note that the model sent an event: it is not deaf to what was said so far."""
        self._answered_ms = self.speech_ms
        self.unanswered_at = NEVER

    def is_speaking(self, now: float) -> bool:
        """Whether the caller speaks; pauses of 0.3 s do not count."""
        return now - self.last_speech_at <= HANG_OVER_S

    @property
    def speaks_until(self) -> float:
        """Until when the caller counts as speaking, if nothing more is heard."""
        return self.last_speech_at + HANG_OVER_S

    @property
    def unanswered_ms(self) -> int:
        """How much speech was heard since the last event of the model."""
        return self.speech_ms - self._answered_ms

    def _hear_speech(self, frames: bytes, now: float) -> None:
        frames_after = len(frames) - 1 - frames.rfind(_SPEECH)
        after_ms = frames_after * FRAME_MS + self._detector.waiting_ms
        # Audio may come faster than it was spoken: time does not go back.
        self.last_speech_at = max(self.last_speech_at, now - after_ms / 1000)
        self.speech_ms += frames.count(_SPEECH) * FRAME_MS
        if self.unanswered_at == NEVER and self.unanswered_ms >= UNANSWERED_MS:
            self.unanswered_at = self.last_speech_at
