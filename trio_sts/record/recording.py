"""A call as two voices on one clock: what the caller said, what the caller heard.

It does no I/O: what happens in the call goes in, with its time on the conversation's
clock, and stereo comes out, caller left, agent right. It is what a recorder in AVR Core
would have made of the call; ``STS_PLAYOUT_DELAY_MS`` later the agent is at the ear.

A recording is telephone sound, 8 kHz, whatever the rate of the line.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from attrs import define, field

from trio_sts.audio.formats import Encoder, encoder
from trio_sts.audio.framing import SAMPLE_RATE_HZ

from .recording_agent import AgentTrack
from .recording_caller import CallerTrack, Grid
from .recording_wav import CHANNELS

# So much comes behind a message before it gets its place: it tells how late it was.
SETTLING_S: Final = 0.5
# While nothing comes from the caller, so long it may still come late. It bounds what is
# kept of the agent's audio meanwhile: 40 kB.
STALL_S: Final = 5.0
# At most so much is handed out in one piece: 160 kB.
_PIECE_S: Final = 10
_PIECE: Final = _PIECE_S * SAMPLE_RATE_HZ
_FORMAT: Final = "pcmu"


@define(eq=False)
class Recording:
    """The mixer of one recording.

    Attributes:
        started_at: The recording's first sample, on the conversation's clock, as all
            times are.
        rate_hz: Of the audio that goes in.
        waiting_bytes: Caller audio that has not got its place yet, in mu-law.
    """

    started_at: float
    rate_hz: int = SAMPLE_RATE_HZ
    waiting_bytes: int = 0
    _caller: CallerTrack = field(factory=CallerTrack, repr=False)
    _agent: AgentTrack = field(factory=AgentTrack, repr=False)
    # What waits for its place, and when it came.
    _arrivals: list[float] = field(factory=list[float], repr=False)
    _messages: list[bytes] = field(factory=list[bytes], repr=False)
    # When audio last came.
    _heard_at: float = field(init=False)
    # Up to here everything was handed out.
    _taken: int = 0
    _caller_encoder: Encoder = field(init=False, repr=False)
    _agent_encoder: Encoder = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._heard_at = self.started_at
        self._caller_encoder = encoder(_FORMAT, self.rate_hz)
        self._agent_encoder = encoder(_FORMAT, self.rate_hz)

    def caller(self, at: float, pcm: bytes) -> None:
        """Audio of the caller's has arrived: whole samples of PCM16LE."""
        # Half as much to keep as the PCM, or less.
        codes = self._caller_encoder.encode(pcm)
        self._heard_at = at
        self._arrivals.append(at)
        self._messages.append(codes)
        self.waiting_bytes += len(codes)

    def agent(self, at: float, pcm: bytes) -> None:
        """Audio of the agent's is sent to AVR Core: whole samples of PCM16LE."""
        self._agent.send(self._position(at), self._agent_encoder.encode(pcm))

    def interrupt(self, at: float) -> None:
        """AVR Core is told to throw away what it has not played."""
        self._agent.interrupt(self._position(at))
        # What comes next does not follow on it: no filter may join the two.
        self._agent_encoder = encoder(_FORMAT, self.rate_hz)

    def take(self, now: float) -> Iterator[bytes]:
        """What is final by now and was not taken yet.

        Call it before what has just happened is told: the first audio after a stall
        comes with the rest of it.

        Returns:
            Pieces of mu-law, two bytes for each 1/8000 s: the caller's, the agent's.
        """
        until_s = max(self._heard_at - SETTLING_S, now - STALL_S)
        until = max(self._position(until_s), self._taken)
        self._settle(until)
        return self._pieces(until)

    def finish(self, at: float) -> Iterator[bytes]:
        """The rest, as for `take`: the call was over at this time.

        What AVR Core has not played by then, nobody has heard.
        """
        self._settle(float("inf"))
        return self._pieces(max(self._position(at), self._caller.end))

    def _settle(self, until: float) -> None:
        grids: list[Grid] = []
        if self._messages:
            arrivals = np.array(self._arrivals) - self.started_at
            count, grids = self._caller.place(
                np.rint(arrivals * SAMPLE_RATE_HZ).astype(np.int64),
                self._messages,
                until,
            )
            del self._arrivals[:count], self._messages[:count]
            self.waiting_bytes = sum(map(len, self._messages))
        self._agent.play(until, grids)

    def _pieces(self, until: int) -> Iterator[bytes]:
        while self._taken < until:
            self._taken = min(until, self._taken + _PIECE)
            yield _interleaved(
                self._caller.take(self._taken), self._agent.take(self._taken)
            )

    def _position(self, at: float) -> int:
        return round((at - self.started_at) * SAMPLE_RATE_HZ)


def _interleaved(caller: bytes, agent: bytes) -> bytes:
    both = np.empty((len(caller), CHANNELS), np.uint8)
    both[:, 0] = np.frombuffer(caller, np.uint8)
    both[:, 1] = np.frombuffer(agent, np.uint8)
    return both.tobytes()
