"""The caller of these calls: speaks in real time, listens, and waits for answers."""

import math
from collections import deque
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

import numpy as np
import orjson
import pybase64
import trio
from attrs import define, field, frozen
from websockets.exceptions import ConnectionClosed

from tests.peers.core import FRAME_BYTES, FakeCore, Received

from . import speech
from .agent import Reached, is_agent

TURNS: Final = ((0, 1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11))
# People wait so long for an answer, and then speak again.
PATIENCE_S: Final = 40.0
_THINKS_S: Final = 1.0
_TICK_S: Final = 0.1
# AVR Core's messages are of 20 ms. Longer ones make less work for everybody, and more
# calls can be held in the same time.
_MESSAGE_BYTES: Final = 5 * FRAME_BYTES
_QUIET_RMS: Final = 20.0
# The apology is a voice; what is softer is the hold sound.
_VOICE_RMS: Final = 700.0


@frozen
class Heard:
    """A piece of 20 ms at the ear.

    Attributes:
        at_s: When it begins to be heard.
        kind: ``agent``, ``end`` (the agent's last tone), ``hold``, ``voice`` or
            ``silence``.
    """

    at_s: float
    kind: str


@cache
def _message(pcm: bytes) -> str:
    audio = pybase64.b64encode_as_string(pcm)
    return orjson.dumps({"type": "audio", "audio": audio}).decode()


@cache
def _kind(pcm: bytes) -> str:
    frame = np.frombuffer(pcm, dtype=np.int16)
    level = speech.rms(frame)
    if level < _QUIET_RMS:
        return "silence"
    pitch = speech.pitch_hz(frame, speech.CALLER_HZ)
    if level > _VOICE_RMS and is_agent(pitch):
        return "end" if abs(pitch - speech.END_HZ) <= 50 else "agent"
    return "voice" if level > _VOICE_RMS else "hold"


@define(eq=False)
class Ear:
    """What AVR Core plays, in real time, of what it is sent."""

    pieces: list[Heard] = field(factory=list[Heard])
    _until_s: float = 0.0
    _taken: int = 0

    def take(self, received: Sequence[Received]) -> None:
        """Play what has come since."""
        for each in received[self._taken :]:
            if each.type == "interruption":
                while self.pieces and self.pieces[-1].at_s >= each.at_s:
                    self.pieces.pop()
                self._until_s = each.at_s
            for start in range(0, len(each.pcm), FRAME_BYTES):
                self._until_s = max(self._until_s, each.at_s)
                kind = _kind(each.pcm[start : start + FRAME_BYTES])
                self.pieces.append(Heard(self._until_s, kind))
                self._until_s += speech.FRAME_MS / 1000
        self._taken = len(received)

    def has_heard_end(self, after_s: float, now_s: float) -> bool:
        """Whether the agent's last tone was heard between two moments."""
        for piece in reversed(self.pieces):
            if piece.at_s < after_s:
                break
            if piece.kind == "end" and piece.at_s <= now_s:
                return True
        return False

    def longest_silence_s(self, begin_s: float, end_s: float) -> float:
        """The longest time between two moments in which nothing was to be heard."""
        last, longest = begin_s, 0.0
        for piece in self.pieces:
            if piece.kind != "silence" and begin_s <= piece.at_s <= end_s:
                longest = max(longest, piece.at_s - last)
                last = piece.at_s + speech.FRAME_MS / 1000
        return max(longest, end_s - last)

    def seconds_of(self, kind: str) -> float:
        """How long something of a kind was heard."""
        count = sum(piece.kind == kind for piece in self.pieces)
        return count * speech.FRAME_MS / 1000


@define(eq=False)
class Caller:
    """One caller; who runs `talk` runs `keep_sending` beside it.

    Attributes:
        dropped: Set once Asterisk has ended the call.
        turns: The words of each turn.
        said: The words that were spoken to their ends, in order.
        waits: When the caller was waiting for the agent, from and to.
        unanswered: How many turns got no answer in time.
    """

    core: FakeCore
    dropped: trio.Event
    turns: Sequence[Sequence[int]] = TURNS
    ear: Ear = field(factory=Ear)
    said: list[int] = field(factory=list[int])
    waits: list[tuple[float, float]] = field(factory=list[tuple[float, float]])
    unanswered: int = 0
    _speech: deque[bytes] = field(factory=deque[bytes])

    async def keep_sending(self) -> None:
        """Send 100 ms of speech or of silence in real time, as one message."""
        silence = _message(bytes(_MESSAGE_BYTES))
        # All calls send together, so that a clock that jumps has fewer places to stop.
        every_s = _MESSAGE_BYTES / FRAME_BYTES * speech.FRAME_MS / 1000
        due_s = math.ceil(trio.current_time() / every_s) * every_s
        try:
            while True:
                raw = _message(self._speech.popleft()) if self._speech else silence
                await self.core.ws.send(raw)
                due_s += every_s
                await trio.sleep_until(due_s)
        except (ConnectionClosed, trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    async def talk(self, reached: Reached) -> None:
        """The whole call; returns when it is over for the caller."""
        await self._wait_for_end("greeting")
        await trio.sleep(_THINKS_S)
        await reached("in silence")
        await trio.sleep(_THINKS_S)
        for number, words in enumerate(self.turns):
            if self._over():
                return
            await self._say(words, reached if number == 0 else None)
            await self._wait_for_end("answer")
            await trio.sleep(_THINKS_S)
        began_s = trio.current_time()
        while not self._over() and trio.current_time() < began_s + PATIENCE_S:  # noqa: ASYNC110
            await trio.sleep(_TICK_S)

    def _over(self) -> bool:
        self.ear.take(self.core.received)
        return self.core.close_code is not None or self.dropped.is_set()

    async def _say(self, words: Sequence[int], reached: Reached | None) -> None:
        for number, word in enumerate(words):
            self._speech.extend(_frames_of(word))
            while self._speech and not self._over():  # noqa: ASYNC110
                await trio.sleep(_TICK_S)
            if self._over():
                return
            self.said.append(word)
            if number == 1 and reached is not None:
                await reached("while the caller speaks")

    async def _wait_for_end(self, what: str) -> None:
        began_s = trio.current_time()
        while trio.current_time() < began_s + PATIENCE_S:
            if self._over():
                break
            if self.ear.has_heard_end(began_s, trio.current_time()):
                break
            await trio.sleep(_TICK_S)
        else:
            self.unanswered += 1
        self.waits.append((began_s, trio.current_time()))

    def longest_silence_s(self) -> float:
        """The longest silence while the caller waited for the agent."""
        self.ear.take(self.core.received)
        return max(
            (self.ear.longest_silence_s(*wait) for wait in self.waits), default=0.0
        )


def _frames_of(word: int) -> Iterator[bytes]:
    pcm = speech.word(word)
    for start in range(0, len(pcm), _MESSAGE_BYTES):
        yield pcm[start : start + _MESSAGE_BYTES]
