"""The caller's side of a recording: audio as it arrives, laid on one clock.

AVR Core sends 20 ms of audio every 20 ms; the network and two processes hold some of it
up, and it comes late or in bursts. What comes after it tells when it was said: audio
cannot have been said later than just before the audio that follows it. So each message
is laid as late as its own arrival and those behind it allow.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from attrs import define, field, frozen

from trio_sts.audio.framing import FRAME_SAMPLES
from trio_sts.audio.g711 import MU_LAW

# Half a frame, 10 ms. A message this near to the end of the one before it is laid end to
# end with it, without a click; farther away there is a pause, or AVR Core's clock has
# run away from ours.
TOLERANCE_SAMPLES: Final = FRAME_SAMPLES // 2

# One sample of silence.
SILENCE: Final = MU_LAW.encode(bytes(2))

_Samples = npt.NDArray[np.int64]


@frozen
class Grid:
    """From the sample ``since`` on, AVR Core's frames begin at ``phase`` modulo 160."""

    since: int
    phase: int


@define(eq=False)
class CallerTrack:
    """Places audio by its arrival: mu-law, one byte a sample.

    Positions are samples on the recording's clock.
    """

    # What has its place, from `_taken` on.
    _placed: bytearray = field(factory=bytearray, repr=False)
    _taken: int = 0
    # Whether audio, and not silence, comes before `end`.
    _unbroken: bool = False

    @property
    def end(self) -> int:
        """Where the audio ends that has its place."""
        return self._taken + len(self._placed)

    def place(
        self, arrivals: _Samples, messages: list[bytes], until: float
    ) -> tuple[int, list[Grid]]:
        """Give their place to the messages that begin before ``until``, or just after.

        Left out is what there is no place for: audio that came after its place was
        taken, or more of it than there was time to say it in.

        Args:
            arrivals: When each message came; never earlier than the one before it.
            messages: Any number of samples each.
            until: What begins later may turn out to begin earlier by what is to come.

        Returns:
            How many messages have got their place, and where AVR Core's frames begin
            from now on, in order.
        """
        lengths = np.fromiter(map(len, messages), np.int64)
        # The samples of all messages are one stream; at[i] is where message i is in it,
        # zero[i] where the stream's first sample is if message i is in its place.
        at = np.concatenate(([0], np.cumsum(lengths)))
        zero = _latest_zeros(arrivals, at[1:])
        # With those that may have to be laid end to end with one that begins before it.
        count = int(np.searchsorted(zero + at[:-1], until + TOLERANCE_SAMPLES, "right"))
        stream = b"".join(messages[:count])
        grids: list[Grid] = []
        first = 0
        while first < count:
            start = int(zero[first] + at[first])
            late = self.end - start
            early = TOLERANCE_SAMPLES if self._unbroken else 0
            if -early <= late <= TOLERANCE_SAMPLES:
                laid, skipped = self.end - int(at[first]), 0
            else:
                laid, skipped = int(zero[first]), max(late, 0)
                self._placed += SILENCE * max(-late, 0)
                grids.append(Grid(self.end, start % FRAME_SAMPLES))
            following = np.searchsorted(zero[:count], laid + TOLERANCE_SAMPLES, "right")
            begin, end = int(at[first]) + skipped, int(at[following])
            if begin < end:
                self._placed += stream[begin:end]
                self._unbroken = True
            first = int(following)
        return count, grids

    def take(self, until: int) -> bytes:
        """What is up to ``until``: what has no audio by now is silence for good."""
        size = max(until - self._taken, 0)
        codes = bytes(self._placed[:size])
        del self._placed[:size]
        if len(codes) < size:
            self._unbroken = False
            codes = codes.ljust(size, SILENCE)
        self._taken += size
        return codes


def _latest_zeros(arrivals: _Samples, ends: _Samples) -> _Samples:
    """Where the stream would begin by each message and those behind it.

    A message ends 20 ms after its arrival at the latest: a frame begins with it, and it
    does not matter how many frames came together in one message. None is so late that
    those behind it are later than they may be: the values never fall.
    """
    zeros = arrivals + FRAME_SAMPLES - ends
    latest: _Samples = np.minimum.accumulate(zeros[::-1])[::-1]
    return latest
