"""Caller audio that was sent and that a session may not have used when it is lost.

A session that drops takes with it the turn that is being spoken, the one that it has not
transcribed, and what was posted before the loss was noticed.

Speech is packed, as telephone sound in mu-law: 10 s are 80 kB, whatever the line's rate; as
they came they would be 480 kB at 24 kHz.
"""

from typing import Final

from attrs import define, field

from trio_sts.audio.formats import Encoder, decoder, encoder
from trio_sts.audio.framing import SAMPLE_BYTES, SAMPLE_RATE_HZ
from trio_sts.conversation.moments import AT_ONCE

# Kept of a caller who does not speak: between this and twice as much, by the clock.
RECENT_S: Final = 0.5
# Speech is kept with so much of the silence after it, and so long without a turn of it.
_AFTER_SPEECH_S: Final = 1.5
_LONGEST_S: Final = 30.0
# Half a second is 25 messages; of more, smaller ones, the objects would take the room.
_MOST_PARTS: Final = 250
_PACKED: Final = "pcmu"
_MOST_BYTES: Final = 10 * SAMPLE_RATE_HZ


@define
class Replay:
    """Audio of the caller: speech that is not answered yet, and what came last.

    Of all of it 10 s are kept at most.

    Args:
        rate_hz: Of the caller's line.

    Written by: hearing; transcripts and responses say what became of a turn; restoring
    takes it.

    Attributes:
        turn: The item of the turn that was committed and is neither transcribed nor
            answered; empty if there is none.
    """

    turn: str = ""
    _rate_hz: int = field(default=SAMPLE_RATE_HZ, alias="rate_hz")
    _packer: Encoder = field(init=False, repr=False)
    # Packed.
    _committed: bytearray = field(factory=bytearray, repr=False)
    # Packed, and in no turn yet.
    _speech: bytearray = field(factory=bytearray, repr=False)
    _speech_from: float = AT_ONCE
    # As they came, not even copied, and in no turn yet.
    _older: list[bytes] = field(factory=list[bytes], repr=False)
    _newest: list[bytes] = field(factory=list[bytes], repr=False)
    _newest_from: float = AT_ONCE

    def __attrs_post_init__(self) -> None:
        self._packer = encoder(_PACKED, self._rate_hz)

    def sent(self, pcm: bytes, now: float, *, speaks: bool, spoke_at: float) -> None:
        """Audio was sent.

        Args:
            pcm: The audio.
            now: The time.
            speaks: Whether the model's VAD hears speech.
            spoke_at: When our own ear last did.
        """
        if now - self._newest_from >= RECENT_S:
            self._turn_over(now, speaks or now - spoke_at < _AFTER_SPEECH_S, spoke_at)
        newest = self._newest
        newest.append(pcm)
        if len(newest) > _MOST_PARTS:
            self._newest = [b"".join(newest)]

    def committed(self, item_id: str) -> None:
        """What was sent is a turn now; it is kept until its words or its answer come."""
        self._committed += self._speech + self._packed(self._older + self._newest)
        _cut_to_bound(self._committed)
        if self._committed:
            self.turn = item_id or self.turn
        self._speech.clear()
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

    def refused(self, pcm: bytes, now: float) -> None:
        """The session cannot have got the last of what was sent, be it speech or not."""
        since = now - len(pcm) / (self._rate_hz * SAMPLE_BYTES)
        holds_speech = not self._speech or self._speech_from >= since
        recent_bytes = sum(map(len, self._older)) + sum(map(len, self._newest))
        if holds_speech and len(pcm) > recent_bytes:
            self._speech.clear()
            self._older, self._newest = [pcm], []

    def take(self) -> bytes:
        """All of it as PCM, oldest first; nothing is kept of it."""
        self.committed("")
        audio = decoder(_PACKED, self._rate_hz).decode(bytes(self._committed))
        self.answered()
        return audio

    def _turn_over(self, now: float, keep: bool, spoke_at: float) -> None:
        if keep:
            if not self._speech:
                self._speech_from = self._newest_from - RECENT_S
            self._speech += self._packed(self._older)
            _cut_to_bound(self._speech)
        elif self._speech and now - spoke_at > _LONGEST_S:
            self._speech.clear()
        self._older, self._newest, self._newest_from = self._newest, [], now

    def _packed(self, parts: list[bytes]) -> bytes:
        return self._packer.encode(b"".join(parts))


def _cut_to_bound(packed: bytearray) -> None:
    over = len(packed) - _MOST_BYTES
    if over > 0:
        del packed[:over]
