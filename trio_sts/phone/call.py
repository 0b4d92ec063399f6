"""One call without its socket: the clock, what comes, what goes."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import trio
from attrs import define, field

from trio_sts.audio.framing import FRAME_MS
from trio_sts.errors import BadMessage
from trio_sts.wire.avr import (
    Answer,
    Failure,
    HangUp,
    Interruption,
    Transcript,
    UnknownToCore,
)

from .events import Answered, Connected, Failed, Levels, PickedUp, Pressed, View
from .line import Line
from .notes import Notes
from .peer import Peer, PeerFactory
from .recorder import Recorder
from .report import CallReport, Outcome
from .script import Script, Slot, perform

# 5 s of caller frames that a service did not read: what is said then, it never hears.
_OUTBOX_FRAMES = 250
# After a stall the clock makes up for this much; what is beyond was a sleeping machine.
_CATCH_UP_S = 1.0
_FRAME_S = FRAME_MS / 1000
# A caller hears ringing no longer than this; the service is still there.
LONGEST_RINGING_S = 60.0


@define(eq=False)
class Call:
    """The state of one call.

    Attributes:
        uuid: Its id.
        over: Set once the call has ended, by whoever was first.
        peer: Who holds the WebSocket, and how it speaks.
        line: Who said what when.
        notes: What the service sent beside audio.
    """

    uuid: str
    _script: Script
    _view: View
    _max_slots: int
    _peer_factory: PeerFactory
    notes: Notes = field(factory=Notes)
    over: trio.Event = field(factory=trio.Event)
    peer: Peer = field(init=False)
    line: Line = field(init=False)
    _steps: Iterator[Slot] = field(init=False)
    _rings: bool = field(init=False)
    _silence: bytes = field(init=False)
    _recorder: Recorder | None = None
    _outbox: trio.MemorySendChannel[str | bytes] = field(init=False)
    outgoing: trio.MemoryReceiveChannel[str | bytes] = field(init=False)

    def __attrs_post_init__(self) -> None:
        channel = trio.open_memory_channel[str | bytes](_OUTBOX_FRAMES)
        self._outbox, self.outgoing = channel
        self.peer = self._peer_factory(self._post)
        self.line = Line(playback=self.peer.playback)
        self._steps = perform(self._script, self.line)
        self._rings = self.peer.awaits_answer
        self._silence = bytes(self.peer.playback.frame_bytes)

    @classmethod
    def prepare(
        cls,
        uuid: str,
        script: Script,
        view: View,
        *,
        max_call_s: float,
        peer: PeerFactory,
    ) -> "Call":
        """A call that is ready to be connected."""
        max_slots = round(max_call_s / _FRAME_S)
        return cls(uuid, script, view, max_slots, peer)

    def end(self, outcome: Outcome, code: int | None = None, reason: str = "") -> None:
        """The call is over; the first reason counts. Never blocks."""
        if not self.over.is_set():
            self.notes.end(outcome, code, reason)
            self.over.set()

    async def hold(self) -> None:
        """Keep the line open: the beginning, then a slot every 20 ms until it is over.

        The clock is absolute: a slot that comes late does not delay the next one.
        """
        self._view(Connected(self.uuid))
        self.peer.begin(self.uuid)
        start = trio.current_time()
        while not self.over.is_set():
            await trio.sleep_until(start + self.line.slot * _FRAME_S)
            late_s = trio.current_time() - start - self.line.slot * _FRAME_S
            start += max(0.0, late_s - _CATCH_UP_S)
            self.tick()

    def tick(self) -> None:
        """One slot: the caller's part goes out, the agent's next frame is heard."""
        if self._rings:
            self._ring()
            return
        slot = next(self._steps, Slot())
        if slot.hang_up:
            self.end(Outcome.CALLER_HUNG_UP)
            return
        if self.line.slot >= self._max_slots:
            self.end(Outcome.TIME_UP)
            return
        if slot.digit:
            self.peer.press(slot.digit)
            self._view(Pressed(self.line.now_ms))
        pcm = slot.pcm or self._silence
        self.peer.say(pcm)
        self.peer.tick()
        self._listen(pcm)

    def take(self, message: str | bytes) -> None:
        """One message of the service arrived."""
        told = self.peer.take(message)
        match told:
            case Answer():
                self._pick_up()
            case HangUp():
                self.end(Outcome.SERVICE_HUNG_UP)
            case Interruption():
                self._view(self.notes.interrupt(self.line.interrupt()))
            case Transcript(role, words):
                self._view(self.notes.say(self.line.now_ms, role, words))
            case Failure(words):
                self._view(Failed(self.line.now_ms, self.notes.fail(words)))
            case UnknownToCore():
                self.notes.unknown_messages += 1
            case BadMessage():
                self.notes.bad_messages += 1
            case _:
                pass

    def record(self, path: Path) -> None:
        """Record the call from here on: left caller, right agent, at the line's rate.

        Raises:
            OSError: The file cannot be written.
        """
        self._recorder = Recorder.open(path, self.peer.rate_hz)

    def fail(self, what: str) -> None:
        """Something broke on this side, and the call goes on."""
        self._view(Failed(self.line.now_ms, self.notes.fail(what)))

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
        self._record(caller_pcm, heard or self._silence)
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
        self.fail(f"the recording is not complete: {exc.strerror}")

    def _ring(self) -> None:
        """A slot in which nothing is said and nothing is heard."""
        if self.line.slot >= LONGEST_RINGING_S / _FRAME_S:
            self.end(Outcome.NOT_ANSWERED)
            return
        self.peer.tick()
        self.line.ring()
        self._record(self._silence, self._silence)
        self._view(Levels(self.line.now_ms, 0.0, 0.0))

    def _pick_up(self) -> None:
        if self._rings:
            self._rings = False
            self.notes.rang_ms = self.line.now_ms
            self._view(PickedUp(self.line.now_ms))

    def _post(self, message: str | bytes) -> None:
        try:
            self._outbox.send_nowait(message)
        except trio.WouldBlock:
            self.notes.unsent += 1
