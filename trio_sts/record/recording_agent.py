"""The agent's side of a recording: what AVR Core plays of the audio that it was sent.

AVR Core queues what it gets and plays a frame every 20 ms; an interruption empties the
queue, and a frame that is being played is played to its end.
"""

from attrs import define, field

from trio_sts.audio.framing import FRAME_SAMPLES

from .recording_caller import SILENCE, Grid


@define(eq=False)
class AgentTrack:
    """AVR Core's playback queue, in mu-law, one byte a sample.

    Positions are samples on the recording's clock.

    When AVR Core's 20 ms begin is told by the caller's frames, which it sends by the
    same clock: what is sent to it is played from the next of them on.
    """

    # What was sent, or None for an interruption, and when.
    _sent: list[tuple[int, bytes | None]] = field(
        factory=list[tuple[int, bytes | None]], repr=False
    )
    # What is played, from `_taken` on.
    _played: bytearray = field(factory=bytearray, repr=False)
    _taken: int = 0
    _phase: int = 0

    def send(self, at: int, codes: bytes) -> None:
        """Audio was sent."""
        self._sent.append((at, codes))

    def interrupt(self, at: int) -> None:
        """AVR Core was told to throw away what it has not played."""
        self._sent.append((at, None))

    def play(self, until: float, grids: list[Grid]) -> None:
        """Play what was sent before ``until``.

        Args:
            until: Nothing is sent any more with an earlier time.
            grids: Where AVR Core's frames begin, as far as that has changed.
        """
        changes = iter([*grids])
        change = next(changes, None)
        done = 0
        for at, codes in self._sent:
            if at >= until:
                break
            done += 1
            while change is not None and change.since <= at:
                self._phase = change.phase
                change = next(changes, None)
            frame_at = at + FRAME_SAMPLES - (at - self._phase) % FRAME_SAMPLES
            offset = frame_at - self._taken
            if codes is None:
                del self._played[offset:]
            else:
                self._played += SILENCE * max(offset - len(self._played), 0)
                self._played += codes
        if grids:
            self._phase = grids[-1].phase
        del self._sent[:done]

    def take(self, until: int) -> bytes:
        """What is up to ``until``."""
        size = max(until - self._taken, 0)
        codes = bytes(self._played[:size])
        del self._played[:size]
        self._taken += size
        return codes.ljust(size, SILENCE)
