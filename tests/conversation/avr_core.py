"""What AVR Core does with agent audio, as a judge of what was really heard.

It knows nothing of the playout clock: it plays one frame at each beat of its own 20 ms
grid, and it recognises an item by the level of its audio. Where there are marks it is
Asterisk, and reports each at the beat that takes the frame behind it.
"""

from collections import Counter, deque
from math import floor

from attrs import define, field

from trio_sts.audio.formats import AudioFormat, decoder, encoder
from trio_sts.audio.framing import FRAME_BYTES, FRAME_MS, SAMPLE_BYTES

_FRAME_S = FRAME_MS / 1000
# By then the resampler has reached the level of an item.
_STEADY_BYTE = 100 * SAMPLE_BYTES
_FIRST_CODE = 0x80
LEVELS = 100


def level(index: int, audio_format: AudioFormat) -> int:
    """One of 100 levels that survive the format unchanged."""
    law: AudioFormat = "pcmu" if audio_format == "pcm" else audio_format
    code = bytes([_FIRST_CODE + index % LEVELS])
    return int.from_bytes(decoder(law).decode(code), "little", signed=True)


def steady_audio(ms: float, index: int, audio_format: AudioFormat) -> bytes:
    """``ms`` of one level in the model's format."""
    sample = level(index, audio_format).to_bytes(SAMPLE_BYTES, "little", signed=True)
    if audio_format == "pcm":
        return sample * round(ms * 24)
    return encoder(audio_format).encode(sample * round(ms * 8))


@define
class AvrCore:
    """The playback queue behind the caller leg, played in real time.

    Attributes:
        started_ms: By item, milliseconds of frames whose playing has begun.
        finished_ms: By item, milliseconds of frames that were played to their end.
        most_queued: The longest the queue ever was, in frames.
        gaps: Times at which nothing was there to be played right after something was.
    """

    audio_format: AudioFormat
    grid_s: float = 0
    started_ms: Counter[str] = field(factory=Counter[str])
    finished_ms: Counter[str] = field(factory=Counter[str])
    received_ms: Counter[str] = field(factory=Counter[str])
    most_queued: int = 0
    gaps: list[float] = field(factory=list[float])
    frames: list[bytes] = field(factory=list[bytes])
    played_marks: list[int] = field(factory=list[int])
    _items: dict[str, int] = field(factory=dict[str, int])
    _by_level: dict[int, str] = field(factory=dict[int, str])
    # Items, by the frame, and marks.
    _queue: deque[str | int] = field(factory=deque[str | int])
    _playing: str | None = None
    _beats: int = 0
    _latest: str = ""

    def audio_of(self, item: str, ms: float) -> bytes:
        """Audio that is recognised as this item's."""
        if item not in self._items:
            self._items[item] = len(self._items)
            self._by_level[level(self._items[item], self.audio_format)] = item
        return steady_audio(ms, self._items[item], self.audio_format)

    def receive(self, pcm: bytes, now: float, mark: int = 0) -> None:
        """One message with agent audio, and the mark behind it."""
        self.play_until(now)
        assert pcm or mark
        assert len(pcm) % FRAME_BYTES == 0
        for frame in self.cut(pcm):
            self._latest = self.item_of(frame)
            self._queue.append(self._latest)
            self.received_ms[self._latest] += FRAME_MS
            self.frames.append(frame)
        waiting = sum(isinstance(each, str) for each in self._queue)
        self.most_queued = max(self.most_queued, waiting)
        if mark:
            self._queue.append(mark)

    @property
    def report_at(self) -> float:
        """When the next mark is reported; infinity if none is in the queue."""
        if self.played_marks:
            return self.grid_s
        for frames, each in enumerate(self._queue):
            if isinstance(each, int):
                return self.grid_s + (self._beats + frames) * _FRAME_S
        return float("inf")

    def take_marks(self, now: float) -> list[int]:
        """The marks that are reported by now."""
        self.play_until(now)
        marks, self.played_marks = self.played_marks, []
        return marks

    def flush(self, now: float) -> None:
        """An interruption."""
        self.play_until(now)
        self._queue.clear()

    def play_until(self, now: float) -> None:
        """Play what has its beat by now."""
        until = floor((now - self.grid_s + 1e-9) / _FRAME_S) + 1
        while self._beats < until and not self.silent:
            self._beat(self.grid_s + self._beats * _FRAME_S)
            self._beats += 1
        self._beats = max(self._beats, until)

    @property
    def silent(self) -> bool:
        """Whether all is played."""
        return not self._queue and self._playing is None

    def _beat(self, at: float) -> None:
        before = self._playing
        if before is not None:
            self.finished_ms[before] += FRAME_MS
        self._playing = None
        while self._queue and self._playing is None:
            taken = self._queue.popleft()
            if isinstance(taken, int):
                self.played_marks.append(taken)
            else:
                self._playing = taken
        if self._playing is not None:
            self.started_ms[self._playing] += FRAME_MS
        elif before is not None:
            self.gaps.append(at)

    @staticmethod
    def cut(pcm: bytes) -> list[bytes]:
        """The frames of one message."""
        starts = range(0, len(pcm), FRAME_BYTES)
        return [pcm[start : start + FRAME_BYTES] for start in starts]

    def item_of(self, frame: bytes) -> str:
        """Whose audio it is; a tail belongs to the item that was last sent."""
        padded = frame[-SAMPLE_BYTES:] == bytes(SAMPLE_BYTES)
        if padded and self.audio_format == "pcm":
            return self._latest
        at = 0 if padded else _STEADY_BYTE
        heard = int.from_bytes(frame[at : at + SAMPLE_BYTES], "little", signed=True)
        return self._by_level[heard]
