"""What AVR Core does with agent audio: it queues frames and plays one every 20 ms."""

from collections import deque

from attrs import define, field

from trio_sts.audio.framing import FRAME_BYTES, FRAME_MS

# Ten minutes of speech that nobody heard yet: 9.6 MB, and a service that never stops.
MAX_QUEUED_FRAMES = 10 * 60 * 1000 // FRAME_MS


@define
class Playback:
    """The playback queue of one call; every count is in frames of 20 ms.

    ``received == played + flushed + dropped + queued`` holds at any time.

    Attributes:
        received: Frames that the service sent.
        played: Frames that reached the caller's ear.
        flushed: Frames that an ``interruption`` threw away.
        dropped: Frames for which the queue had no room.
        odd: Messages that were no single frame of 320 bytes. AVR Core is promised
            whole frames, so each one is a fault of the service.
        gaps: Times the queue ran dry for less than `GAP_FRAMES`: what a caller
            hears as a stutter inside a sentence.
    """

    GAP_FRAMES = 10

    received: int = 0
    played: int = 0
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

    def push(self, pcm: bytes) -> None:
        """Queue one audio message; a longer one is cut, a shorter one padded."""
        if len(pcm) != FRAME_BYTES:
            self.odd += 1
        for start in range(0, len(pcm), FRAME_BYTES):
            self.received += 1
            if len(self._queue) == MAX_QUEUED_FRAMES:
                self.dropped += 1
            else:
                frame = pcm[start : start + FRAME_BYTES]
                self._queue.append(frame.ljust(FRAME_BYTES, b"\0"))

    def play(self) -> bytes | None:
        """The frame of the next 20 ms; None when there is nothing to play."""
        if not self._queue:
            self._dry += 1
            return None
        if 0 < self._dry < self.GAP_FRAMES:
            self.gaps += 1
        self._dry = 0
        self.played += 1
        return self._queue.popleft()

    def flush(self) -> int:
        """Throw the queue away; how many frames that were."""
        thrown = len(self._queue)
        self._queue.clear()
        self.flushed += thrown
        self._dry = self.GAP_FRAMES
        return thrown
