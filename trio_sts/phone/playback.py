"""What is done with agent audio: it is queued, and one frame is played every 20 ms."""

from collections import deque
from typing import Final

from attrs import define, field

from trio_sts.audio.framing import FRAME_BYTES, FRAME_MS

# Ten minutes of speech that nobody heard yet: 9.6 MB, and a service that never stops.
MAX_QUEUED_FRAMES: Final = 10 * 60 * 1000 // FRAME_MS


@define
class Playback:
    """The playback queue of one call; every count is in frames of 20 ms.

    ``received == played + unheard + flushed + dropped + queued`` holds at any time.

    Attributes:
        frame_bytes: Of one frame: 320 at 8000 Hz.
        paused: Nothing is played for now.
        received: Frames that the service sent.
        played: Frames that reached the caller's ear.
        unheard: Frames whose time came while the caller heard ringing.
        flushed: Frames that an ``interruption`` threw away.
        dropped: Frames for which the queue had no room.
        odd: Messages of a length that the service had promised not to send. AVR Core is
            promised one frame in each, Asterisk whole ones: each other is its fault.
        gaps: Times the queue ran dry for less than `GAP_FRAMES`: what a caller
            hears as a stutter inside a sentence.
    """

    GAP_FRAMES = 10

    frame_bytes: int = FRAME_BYTES
    paused: bool = False
    received: int = 0
    played: int = 0
    unheard: int = 0
    flushed: int = 0
    dropped: int = 0
    odd: int = 0
    gaps: int = 0
    _queue: deque[bytes] = field(factory=deque[bytes])
    _dry: int = GAP_FRAMES

    @property
    def queued(self) -> int:
        """Frames that wait to be played."""
        return len(self._queue)

    @property
    def gone(self) -> int:
        """Frames that have left the queue."""
        return self.played + self.unheard + self.flushed

    def push(self, pcm: bytes) -> None:
        """Queue one audio message; a longer one is cut, a shorter one padded."""
        if len(pcm) != self.frame_bytes:
            self.odd += 1
        self.push_frames(pcm, MAX_QUEUED_FRAMES)

    def push_frames(self, pcm: bytes, most: int) -> None:
        """Queue any number of frames, as long as fewer than ``most`` wait."""
        for start in range(0, len(pcm), self.frame_bytes):
            self.received += 1
            if len(self._queue) >= most:
                self.dropped += 1
            else:
                frame = pcm[start : start + self.frame_bytes]
                self._queue.append(frame.ljust(self.frame_bytes, b"\0"))

    def play(self) -> bytes | None:
        """The frame of the next 20 ms; None when there is nothing to play."""
        if not self._queue or self.paused:
            self._dry += 1
            return None
        if 0 < self._dry < self.GAP_FRAMES:
            self.gaps += 1
        self._dry = 0
        self.played += 1
        return self._queue.popleft()

    def play_to_nobody(self) -> None:
        """20 ms go by while the caller hears ringing."""
        if self._queue and not self.paused:
            self._queue.popleft()
            self.unheard += 1

    def flush(self) -> int:
        """Throw the queue away; how many frames that were."""
        thrown = len(self._queue)
        self._queue.clear()
        self.flushed += thrown
        self._dry = self.GAP_FRAMES
        return thrown
