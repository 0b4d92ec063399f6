"""The input audio buffer: appended audio, the turns in it, and its clock."""

from typing import Final

from attrs import define, field

from trio_sts.audio.formats import AudioFormat, Decoder, decoder

from .refusal import Refusal
from .speech.vad import RATE_HZ, Started, Stopped, TurnDetector, TurnRules

BYTES_PER_MS: Final = RATE_HZ // 1000 * 2
_LEAST_COMMIT_MS = 100
# A turn longer than this loses its beginning: nobody listens to five minutes at once.
_LONGEST_TURN_MS = 300_000


@define
class Heard:
    """A turn that is over: PCM16LE at 8 kHz."""

    pcm8k: bytes = field(repr=False)

    @property
    def duration_ms(self) -> int:
        """How long it lasted."""
        return len(self.pcm8k) // BYTES_PER_MS


@define
class InputBuffer:
    """What the client has appended and not committed yet.

    Without turn detection (``rules`` None) everything waits for a commit.
    """

    _format: AudioFormat
    _rules: TurnRules | None
    _audio: bytearray = field(factory=bytearray, init=False, repr=False)
    _decoder: Decoder = field(init=False, repr=False)
    _detector: TurnDetector | None = field(init=False)
    _clock_bytes: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._decoder = decoder(self._format)
        self._detector = TurnDetector(self._rules) if self._rules else None

    def reconfigure(self, audio_format: AudioFormat, rules: TurnRules | None) -> None:
        """Take another format or other rules; the clock and the audio go on."""
        if audio_format != self._format:
            self._format, self._decoder = audio_format, decoder(audio_format)
        if rules != self._rules:
            self._rules = rules
            clock_ms = self._clock_bytes // BYTES_PER_MS
            self._detector = TurnDetector(rules, clock_ms) if rules else None

    @property
    def speaking(self) -> bool:
        """Whether turn detection hears somebody."""
        return self._detector is not None and self._detector.speaking

    def append(self, audio: bytes) -> list[Started | tuple[Stopped, Heard]]:
        """Take more audio in the session's format; a turn that ends is cut out."""
        pcm = self._decoder.decode(audio)
        self._clock_bytes += len(pcm)
        self._audio += pcm
        del self._audio[: -_LONGEST_TURN_MS * BYTES_PER_MS]
        if self._detector is None:
            return []
        found: list[Started | tuple[Stopped, Heard]] = []
        for change in self._detector.push(pcm):
            if isinstance(change, Started):
                self._forget_before(change.at_ms)
                found.append(change)
            else:
                found.append((change, self._cut(change.at_ms)))
        if not self._detector.speaking:
            # The padding and the onset that may turn out to have been speech.
            self._forget_before(
                self._clock_bytes // BYTES_PER_MS
                - self._detector.rules.prefix_padding_ms
                - 200
            )
        return found

    def commit(self) -> Heard:
        """End the turn by hand.

        Raises:
            Refusal: There are less than 100 ms.
        """
        if len(self._audio) < _LEAST_COMMIT_MS * BYTES_PER_MS:
            has_ms = len(self._audio) / BYTES_PER_MS
            raise Refusal(
                "input_audio_buffer_commit_empty",
                "Error committing input audio buffer: buffer too small. Expected at "
                f"least {_LEAST_COMMIT_MS}ms of audio, but buffer only has "
                f"{has_ms:.2f}ms of audio.",
            )
        return self._cut(self._clock_bytes // BYTES_PER_MS)

    def clear(self) -> None:
        """Forget what was not committed; who speaks now has to begin again."""
        self._audio.clear()
        if self._rules is not None:
            clock_ms = self._clock_bytes // BYTES_PER_MS
            self._detector = TurnDetector(self._rules, clock_ms)

    def _cut(self, at_ms: int) -> Heard:
        rest = max(0, self._clock_bytes - at_ms * BYTES_PER_MS)
        length = max(0, len(self._audio) - rest)
        heard = Heard(bytes(self._audio[:length]))
        del self._audio[:length]
        return heard

    def _forget_before(self, at_ms: int) -> None:
        kept = max(0, self._clock_bytes - at_ms * BYTES_PER_MS)
        if kept < len(self._audio):
            del self._audio[: len(self._audio) - kept]
