"""A sound for a waiting caller, who might take silence for a lost line."""

from typing import Final

from attrs import define, field, setters

from trio_sts.audio.framing import FRAME_MS, SAMPLE_RATE_HZ, frame_bytes
from trio_sts.conversation.moments import AT_ONCE, NEVER

# So far ahead it is fed: it has to be gone soon after somebody speaks.
_AHEAD_MS: Final = 60
_FRAME_S: Final = FRAME_MS / 1000


# Converted once: a hook on each assignment costs more than the assignments do.
@define(on_setattr=setters.NO_OP)
class HoldSound:
    """Plays its samples over and over; it is no part of what the caller has heard.

    Written by: hold_sound.

    Attributes:
        ends_at: When the last of it that was sent has been played.
    """

    pcm: bytes = field(repr=False)
    _frame_bytes: int = field(
        default=SAMPLE_RATE_HZ, converter=frame_bytes, alias="rate_hz"
    )
    ends_at: float = AT_ONCE
    _position: int = 0
    _start_at: float = NEVER

    def wait(self, now: float, seconds: float) -> None:
        """The caller waits: it begins after so long, unless it runs already."""
        self._start_at = min(self._start_at, now + seconds)

    def stop(self) -> None:
        """The caller does not wait any more, or somebody speaks."""
        self._start_at = NEVER
        self._position = 0

    @property
    def waits(self) -> bool:
        """Whether it plays, or will."""
        return self._start_at < NEVER

    @property
    def deadline(self) -> float:
        """When it is to be fed."""
        return max(self._start_at, self.ends_at - _FRAME_S)

    def feed(self, now: float) -> bytes:
        """The frames that are due, at most 60 ms ahead of time."""
        frames: list[bytes] = []
        self.ends_at = max(self.ends_at, now)
        while self.ends_at + _FRAME_S <= now + _AHEAD_MS / 1000 + 1e-6:
            frames.append(self._next_frame())
            self.ends_at += _FRAME_S
        return b"".join(frames)

    def _next_frame(self) -> bytes:
        frame = self.pcm[self._position : self._position + self._frame_bytes]
        self._position += self._frame_bytes
        if self._position >= len(self.pcm):
            self._position = 0
        return frame.ljust(self._frame_bytes, b"\0")
