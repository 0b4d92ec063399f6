"""Caller audio that was sent and that a session may not have used when it is lost.

A session that drops takes with it the turn that is being spoken, the one that it has not
transcribed, and what was posted before the loss was noticed.
"""

from typing import Final

from attrs import define, field

from trio_sts.conversation.moments import AT_ONCE

# While nobody speaks: between this and twice as much, by the clock.
RECENT_S: Final = 0.5
MOST_S: Final = 10.0
_BYTES_PER_S: Final = 16_000
_MOST_BYTES: Final = int(MOST_S * _BYTES_PER_S)


@define
class Replay:
    """PCM of the caller (8 kHz), from the start of the turn that is not answered yet.

    Written by: hearing; transcripts and responses say what became of a turn; restoring
    takes it.

    Attributes:
        turn: The item of the turn that was committed and is neither transcribed nor
            answered; empty if there is none.
        committed_speech_ms: How much speech our ear had heard when the last turn was.
    """

    turn: str = ""
    committed_speech_ms: int = 0
    _committed: bytearray = field(factory=bytearray, repr=False)
    _older: bytearray = field(factory=bytearray, repr=False)
    _newest: bytearray = field(factory=bytearray, repr=False)
    _began_at: float = AT_ONCE

    def sent(self, pcm: bytes, now: float, *, unsettled: bool) -> None:
        """Audio was sent; ``unsettled`` keeps all since the caller began to speak."""
        if now - self._began_at >= RECENT_S:
            self._began_at = now
            if unsettled:
                self._older += self._newest
                _cut_to_bound(self._older)
                self._newest.clear()
            else:
                self._older, self._newest = self._newest, bytearray()
        self._newest += pcm

    def committed(self, item_id: str, speech_ms: int) -> None:
        """What was sent is a turn now; it is kept until its words or its answer come.

        Args:
            item_id: The turn's; empty if it is not known yet.
            speech_ms: How much speech our ear has heard in the call.
        """
        self.committed_speech_ms = speech_ms
        self._committed += self._older + self._newest
        _cut_to_bound(self._committed)
        if self._committed:
            self.turn = item_id or self.turn
        self._older.clear()
        self._newest.clear()

    def transcribed(self, item_id: str) -> None:
        """The words of a turn are known: they can be told."""
        if item_id == self.turn:
            self.answered()

    def answered(self) -> None:
        """The last turn was understood: its audio is not needed any more."""
        self.turn = ""
        self._committed.clear()

    def refused(self, pcm: bytes) -> None:
        """The session cannot have got the last of what was sent, be it speech or not."""
        more = len(pcm) - len(self._older) - len(self._newest)
        if more > 0:
            self._older[:0] = pcm[: more - more % 2]

    def take(self) -> bytes:
        """All of it, oldest first, 10 s at most; nothing is kept of it."""
        audio = self._committed + self._older + self._newest
        _cut_to_bound(audio)
        self.turn = ""
        self._committed, self._older, self._newest = (bytearray() for _ in range(3))
        return bytes(audio)


def _cut_to_bound(audio: bytearray) -> None:
    over = len(audio) - _MOST_BYTES
    if over > 0:
        del audio[:over]
