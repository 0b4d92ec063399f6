"""One audio part of an item: how much of it was received, sent and heard."""

from attrs import define, field, frozen

from trio_sts.audio.formats import Decoder
from trio_sts.audio.framing import FRAME_MS, Framer

# An item, and the number of its part.
Key = tuple[str, int]


class AsItIs:
    """Audio that is the caller's format already."""

    def decode(self, model_bytes: bytes) -> bytes:
        """The same audio."""
        return model_bytes

    def flush(self) -> bytes:
        """Nothing was held back."""
        return b""


@define(eq=False)
class Track:
    """One audio part of an item: how much was received, sent and heard, in ms."""

    item_id: str
    response_id: str
    content_index: int
    _ms_per_byte: float
    _decoder: Decoder = field(repr=False)
    _framer: Framer = field(repr=False)
    received_ms: float = 0
    waiting_ms: float = 0
    _frames_sent_ms: float = 0
    _frames_heard_ms: float = 0
    complete: bool = False
    # Nothing more of it is taken.
    closed: bool = False
    # It belongs to a session that is gone.
    past: bool = False
    # Its end was dropped: it was longer than what may wait.
    shortened: bool = False

    @property
    def sent_ms(self) -> float:
        """Without the padding of the last frame."""
        return min(self._frames_sent_ms, self.received_ms)

    @property
    def heard_ms(self) -> float:
        """By the playout clock when it was last settled or interrupted."""
        return min(self._frames_heard_ms, self.sent_ms)

    @property
    def over(self) -> bool:
        """Whether it has been heard to its end, the padding of its last frame too."""
        sent_ms = self._frames_sent_ms
        return self.complete and self._frames_heard_ms >= sent_ms + self.waiting_ms

    def take(self, audio: bytes) -> list[bytes]:
        """Frames that are whole now; ``audio`` is in the model's format."""
        self.received_ms += len(audio) * self._ms_per_byte
        self.complete = False
        return self._waiting(self._framer.push(self._decoder.decode(audio)))

    def unwait(self, frames: int) -> None:
        """So many frames of it were dropped before they were sent."""
        self.waiting_ms -= frames * FRAME_MS
        self.shortened = True

    def finish(self) -> list[bytes]:
        """The last frames: the resampler's tail and what did not fill a frame."""
        self.complete = True
        tail = self._framer.push(self._decoder.flush())
        return self._waiting([*tail, *self._framer.flush()])

    def _waiting(self, frames: list[bytes]) -> list[bytes]:
        self.waiting_ms += len(frames) * FRAME_MS
        return frames

    def sent(self) -> None:
        """One more frame left for the peer."""
        self.waiting_ms -= FRAME_MS
        self._frames_sent_ms += FRAME_MS

    def played(self, ms: float) -> None:
        """The peer has played ``ms`` more, and the caller has heard it."""
        self._frames_heard_ms += ms


def key_of(track: Track) -> Key:
    """By which it is found."""
    return track.item_id, track.content_index


@frozen
class Cut:
    """An audio part of an item that the caller did not hear to its end."""

    item_id: str
    content_index: int
    heard_ms: float
    received_ms: float
    complete: bool = False
    past: bool = False
    shortened: bool = False

    @property
    def fully_heard(self) -> bool:
        """Whether only the padding of its last frame was dropped."""
        return (
            not self.shortened
            and self.complete
            and self.heard_ms >= self.received_ms > 0
        )
