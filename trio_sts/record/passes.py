"""The passes of the core in columns: what came, when, and what was asked for.

A second of a call is some hundred passes, and nearly all of them are audio or the clock.
So a pass costs next to nothing while it happens, and a line is made of a second of them::

    {"t": [12.5, 12.52], "in": [320, null], "out": [1920, 0], "vad": "00011",
     "due": [12.9, "dead air"], "digest": "…"}

- ``t``: the time of each, as the core was given it;
- ``in``: what came: so many bytes of caller audio; null for the clock; so many bytes of the
  agent's audio as a negative number, or a list of them and of how many of them, at the end,
  are silence; a text, for more of the agent's words; both of the part that the last
  ``AudioDelta`` or ``TranscriptDelta`` in full was of; else an object of `trio_sts.record.encode`;
- ``out``: what was asked for: 0 for nothing; so many bytes of audio to the model, or as a
  negative number to the caller; else a list of those, and of objects; a `Crash` where the
  core has failed;
- ``vad``: for each 20 ms of caller audio that our own ear has judged, whether it is speech;
- ``due``: when the clock is to come next after these passes, and which rule it is for;
- ``digest``: of every ``out`` and ``due`` of the call so far.
"""

from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from typing import Any, Final, cast

import orjson
from attrs import define, field, setters
from typing_extensions import override

from trio_sts.audio.voice_activity import VoiceActivityDetector
from trio_sts.conversation.commands import Command, ToCaller, ToModel
from trio_sts.conversation.inputs import Input, Tick
from trio_sts.wire import avr
from trio_sts.wire.realtime.events import AudioDelta, TranscriptDelta
from trio_sts.wire.realtime.requests import AppendAudio

from .decode import read_audio, read_input
from .encode import Crash, audio_length, written
from .masking import Masker, Value

_DIGEST_BYTES: Final = 8
# Of each pass.
_COLUMNS: Final = 3
# A caller who floods: their passes are many and small.
_MOST_COLUMNS: Final = 1_000 * _COLUMNS
# Asked for at each pass: one look-up instead of two.
_CALLER_AUDIO: Final = avr.CallerAudio
_IN_PARTS: Final = frozenset({AudioDelta, TranscriptDelta})
_TABLE: Final = bytes.maketrans(b"\0\1", b"01")


@define(eq=False, on_setattr=setters.NO_OP)
class NotedDetector(VoiceActivityDetector):
    """The ear's detector, whose verdicts are kept until they are taken."""

    keeps: bool = True
    _verdicts: bytearray = field(factory=bytearray, repr=False)

    @override
    def judge(self, pcm: bytes) -> bytes:
        """As the detector's."""
        verdicts = super().judge(pcm)
        if self.keeps:
            self._verdicts += verdicts
        return verdicts

    def take(self) -> str:
        """The verdicts since the last time, a digit for each 20 ms."""
        verdicts = self._verdicts.translate(_TABLE).decode()
        self._verdicts.clear()
        return verdicts

    def drop(self) -> None:
        """None is asked for any more."""
        self.keeps = False
        self._verdicts.clear()


@define
class Digest:
    """Of all commands of a call so far."""

    _hash: Any = field(factory=lambda: blake2b(digest_size=_DIGEST_BYTES), repr=False)

    def after(self, out: bytes, due: bytes) -> str:
        """The digest with one more column ``out``, and what is ``due``, in JSON."""
        self._hash.update(out)
        self._hash.update(due)
        told: str = self._hash.hexdigest()
        return told


def written_commands(masker: Masker, commands: Sequence[Command | Crash]) -> Value:
    """What a pass asks for, as it stands in the column ``out``."""
    if not commands:
        return 0
    if len(commands) == 1:
        length = _audio_bytes(commands[0])
        if length:
            return length
    return [_audio_bytes(each) or written(masker, each) for each in commands]


def written_due(due_at: float, due_rule: str) -> bytes:
    """What the clock is to come for next, in JSON; null for never."""
    return orjson.dumps([due_at, due_rule])


def _audio_bytes(command: Command | Crash) -> int:
    """Bytes of audio to the model; negative to the caller; 0 if it is none."""
    if type(command) is ToModel:
        event = command.event
        return len(event.audio) if type(event) is AppendAudio else 0
    if type(command) is ToCaller:
        message = command.message
        return -len(message.pcm) if type(message) is avr.AgentAudio else 0
    return 0


def _as_it_is(_: float) -> None:
    """Who takes them looks at them without being told."""


@define(eq=False)
class Passes:
    """The passes since the last line: a second of them, or those before a call begins.

    Attributes:
        masker: Makes what is written of texts.
        columns: Time, input and commands of each, one after the other.
        full_at: When they are to be taken; `on_full` is told by each pass at that time or
            after it.
    """

    masker: Masker = field(repr=False)
    on_full: Callable[[float], None] = field(default=_as_it_is, repr=False)
    full_at: float = float("inf")
    columns: list[Value] = field(factory=list[Value], repr=False)
    _part: tuple[str, str, int] | None = None
    _digest: Digest = field(factory=Digest)

    def __len__(self) -> int:
        return len(self.columns) // _COLUMNS

    @property
    def too_many(self) -> bool:
        """Whether more has come than a call can mean."""
        return len(self.columns) > _MOST_COLUMNS

    def add(
        self, input_: Input, now: float, commands: Sequence[Command | Crash]
    ) -> None:
        """One pass: nothing is kept of its audio.

        Nearly all of them are caller audio that goes on to the model, or the clock's with
        audio for the caller, so these two are told here, without a further call.
        """
        kind = type(input_)
        if kind is _CALLER_AUDIO:
            told: Value = len(input_.pcm)  # type: ignore[union-attr] # its type was asked
        elif kind is Tick:
            told = None
        elif kind in _IN_PARTS:
            told = self._in_part(input_)  # type: ignore[arg-type] # its type was asked
        else:
            told = written(self.masker, input_)
        if not commands:
            out: Value = 0
        elif (
            len(commands) == 1
            and type(command := commands[0]) is ToModel
            and type(event := command.event) is AppendAudio
        ):
            out = len(event.audio)
        else:
            out = written_commands(self.masker, commands)
        self.columns += now, told, out
        if now >= self.full_at:
            self.on_full(now)

    def _in_part(self, delta: AudioDelta | TranscriptDelta) -> Value:
        part = delta.response_id, delta.item_id, delta.content_index
        if part != self._part:
            self._part = part
            return written(self.masker, delta)
        if isinstance(delta, TranscriptDelta):
            return self.masker.text(delta.delta)
        length = audio_length(delta.audio)
        if isinstance(length, int) and length:
            return -length
        return length if isinstance(length, list) else written(self.masker, delta)

    def take(self, vad: str, due_at: float, due_rule: str) -> bytes:
        """The line of all passes since the last one, without its end."""
        columns = self.columns
        out = orjson.dumps(columns[2::_COLUMNS])
        due = written_due(due_at, due_rule)
        line = orjson.dumps(
            {
                "t": columns[::_COLUMNS],
                "in": columns[1::_COLUMNS],
                "out": orjson.Fragment(out),
                "vad": vad,
                "due": orjson.Fragment(due),
                "digest": self._digest.after(out, due),
            }
        )
        columns.clear()
        return line

    def drop(self) -> None:
        """Keep none of them."""
        self.columns.clear()


@define
class Unfolded:
    """Reads the column ``in`` back, line by line."""

    _part: AudioDelta | TranscriptDelta | None = None

    def inputs(self, column: Sequence[Any]) -> Iterator[Input]:
        """The inputs; audio as silence of the same length.

        Raises:
            ValueError: One of them is none that this version knows.
        """
        for told in column:
            yield self._input(told)

    def _input(self, told: Any) -> Input:
        if told is None:
            return Tick()
        if isinstance(told, int) and told >= 0:
            return avr.CallerAudio(bytes(told))
        if isinstance(told, int | list | str):
            part = self._part
            if part is None:
                why = "a delta of no item"
                raise ValueError(why)
            item, index = part.item_id, part.content_index
            if isinstance(told, str):
                return TranscriptDelta(part.response_id, item, told, index)
            length = -told if isinstance(told, int) else cast("list[int]", told)
            audio = read_audio(length)
            return AudioDelta(part.response_id, item, audio, index)
        found = read_input(told)
        if isinstance(found, AudioDelta | TranscriptDelta):
            self._part = found
        return found
