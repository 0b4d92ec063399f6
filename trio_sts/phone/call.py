"""One call as AVR Core holds it, without its socket: the clock, what comes, what goes."""

from collections.abc import Iterator
from contextlib import suppress

import trio
from attrs import define, field

from trio_sts.audio.framing import FRAME_MS
from trio_sts.errors import BadMessage
from trio_sts.wire.avr import (
    AgentAudio,
    CallerAudio,
    DtmfDigit,
    Failure,
    FromCore,
    Init,
    Interruption,
    ToCore,
    Transcript,
    UnknownToCore,
)
from trio_sts.wire.avr_codec import decode_to_core, encode_from_core

from .events import Answered, Connected, Failed, Levels, Pressed, View
from .line import Line
from .notes import Notes
from .recorder import Recorder
from .report import CallReport, Outcome
from .script import SILENCE, Script, Slot, perform

# 5 s of caller frames that a service did not read: what is said then, it never hears.
_OUTBOX_FRAMES = 250
# After a stall the clock makes up for this much; what is beyond was a sleeping machine.
_CATCH_UP_S = 1.0
_FRAME_S = FRAME_MS / 1000


@define(eq=False)
class Call:
    """The state of one call.

    Attributes:
        uuid: Its id.
        over: Set once the call has ended, by whoever was first.
        line: Who said what when.
        notes: What the service sent beside audio.
    """

    uuid: str
    _steps: Iterator[Slot]
    _view: View
    _recorder: Recorder | None
    _max_slots: int
    line: Line
    notes: Notes = field(factory=Notes)
    over: trio.Event = field(factory=trio.Event)
    _outbox: trio.MemorySendChannel[bytes] = field(init=False)
    outgoing: trio.MemoryReceiveChannel[bytes] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._outbox, self.outgoing = trio.open_memory_channel[bytes](_OUTBOX_FRAMES)

    @classmethod
    def prepare(
        cls,
        uuid: str,
        script: Script,
        view: View,
        *,
        recorder: Recorder | None,
        max_call_s: float,
    ) -> "Call":
        """A call that is ready to be connected."""
        line = Line()
        max_slots = round(max_call_s / _FRAME_S)
        return cls(uuid, perform(script, line), view, recorder, max_slots, line)

    def end(self, outcome: Outcome, code: int | None = None, reason: str = "") -> None:
        """The call is over; the first reason counts. Never blocks."""
        if not self.over.is_set():
            self.notes.end(outcome, code, reason)
            self.over.set()

    async def hold(self) -> None:
        """Keep the line open: ``init``, then one slot every 20 ms until it is over.

        The clock is absolute: a slot that comes late does not delay the next one.
        """
        self._view(Connected(self.uuid))
        self._post(Init(self.uuid))
        start = trio.current_time()
        while not self.over.is_set():
            await trio.sleep_until(start + self.line.slot * _FRAME_S)
            late_s = trio.current_time() - start - self.line.slot * _FRAME_S
            start += max(0.0, late_s - _CATCH_UP_S)
            self.tick()

    def tick(self) -> None:
        """One slot: the caller's part goes out, the agent's next frame is heard."""
        slot = next(self._steps, Slot())
        if slot.hang_up:
            self.end(Outcome.CALLER_HUNG_UP)
            return
        if self.line.slot >= self._max_slots:
            self.end(Outcome.TIME_UP)
            return
        if slot.digit:
            self._post(DtmfDigit(slot.digit))
            self._view(Pressed(self.line.now_ms))
        self._post(CallerAudio(slot.pcm))
        self._listen(slot.pcm)

    def take(self, text: str | bytes) -> None:
        """One message of the service arrived."""
        message = _decoded(text)
        match message:
            case AgentAudio(pcm):
                self.line.playback.push(pcm)
            case Interruption():
                self._view(self.notes.interrupt(self.line.interrupt()))
            case Transcript(role, words):
                self._view(self.notes.say(self.line.now_ms, role, words))
            case Failure(words):
                self._view(Failed(self.line.now_ms, self.notes.fail(words)))
            case UnknownToCore():
                self.notes.unknown_messages += 1
            case None:
                self.notes.bad_messages += 1

    def stop_recording(self) -> None:
        """Finish the file of the recording, if there is one."""
        if self._recorder is None:
            return
        try:
            self._recorder.close()
        except OSError as exc:
            self._recording_failed(exc)
        self._recorder = None

    def report(self) -> CallReport:
        """What became of it, once it is over."""
        return self.notes.report(self.uuid, self.line)

    def _listen(self, caller_pcm: bytes) -> None:
        line = self.line
        turn = line.turns[-1] if line.turns else None
        waiting = turn is not None and turn.answer_slot is None
        heard = line.tick(caller_pcm)
        self._record(caller_pcm, heard or SILENCE)
        self._view(Levels(line.now_ms, line.caller_rms, line.agent_rms))
        if turn is not None and waiting and turn.answer_slot is not None:
            self._view(Answered(line.now_ms, turn))

    def _record(self, caller_pcm: bytes, agent_pcm: bytes) -> None:
        if self._recorder is None:
            return
        try:
            self._recorder.write(caller_pcm, agent_pcm)
        except OSError as exc:
            self._recording_failed(exc)
            with suppress(OSError):
                self._recorder.close()
            self._recorder = None

    def _recording_failed(self, exc: OSError) -> None:
        """A full disk ends the recording, not the call."""
        told = self.notes.fail(f"the recording is not complete: {exc.strerror}")
        self._view(Failed(self.line.now_ms, told))

    def _post(self, message: FromCore) -> None:
        try:
            self._outbox.send_nowait(encode_from_core(message))
        except trio.WouldBlock:
            self.notes.unsent += 1


def _decoded(text: str | bytes) -> ToCore | UnknownToCore | None:
    """The message; None for one that AVR Core could not understand."""
    if isinstance(text, bytes):
        # Every message of this wire is text: a binary one is junk even if it is JSON.
        return None
    try:
        return decode_to_core(text)
    except BadMessage:
        return None
