"""The line between caller and agent: one time line in slots of 20 ms, no I/O.

In each slot one caller frame is sent and at most one agent frame is played, so slot ``n``
is the same 20 ms on both sides: `Line.slot` is the next one.
"""

from typing import Literal

import numpy as np
from attrs import define, field

from trio_sts.audio.framing import FRAME_MS

from .playback import Playback
from .report import Interrupted, Turn

# -50 dBFS: under it is line noise and the silence that some services send.
AUDIBLE_RMS = 104.0
# A breath between two words is not the end of an utterance: 200 ms.
BREATH_SLOTS = 200 // FRAME_MS
_LONG_AGO = 1 << 30


def loudness(pcm: bytes) -> float:
    """The root mean square of PCM16LE samples: 0 to 32768."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    return float(np.sqrt(np.mean(samples * samples))) if len(samples) else 0.0


@define
class Line:
    """What both sides did, and when.

    Attributes:
        slot: The next slot of the time line; it is ``slot * 20`` ms after ``init``.
        playback: The agent's side.
        turns: The caller's side, the current turn last.
        heard: Slots in which the agent could be heard.
        first_heard_slot: The first of them.
        onset_slot: Where the agent last began to be heard after a pause or a flush.
        quiet_slots: Slots in a row, until now, in which the agent was not heard.
        caller_rms: How loud the caller was in the last slot.
        agent_rms: How loud the agent was in the last slot.
    """

    slot: int = 0
    playback: Playback = field(factory=Playback)
    turns: list[Turn] = field(factory=list[Turn])
    heard: int = 0
    first_heard_slot: int | None = None
    onset_slot: int | None = None
    quiet_slots: int = _LONG_AGO
    caller_rms: float = 0.0
    agent_rms: float = 0.0

    @property
    def now_ms(self) -> int:
        """The start of the next slot, on the call's time line."""
        return self.slot * FRAME_MS

    @property
    def agent_speaks(self) -> bool:
        """Whether the agent is in the middle of an utterance."""
        return self.quiet_slots < BREATH_SLOTS

    def begin_turn(self, kind: Literal["voice", "keys"]) -> None:
        """The caller begins to do something in the next slot."""
        self.turns.append(Turn(kind, self.slot, over_agent=self.agent_speaks))

    def end_turn(self) -> None:
        """The next slot holds the last of the caller's speech, or the last key."""
        self.turns[-1].end_slot = self.slot

    def tick(self, caller_frame: bytes) -> bytes | None:
        """One slot goes by.

        Args:
            caller_frame: What the caller says in it: one frame.

        Returns:
            What the caller hears in it: one frame, or None.
        """
        frame = self.playback.play()
        self.caller_rms = loudness(caller_frame)
        self.agent_rms = loudness(frame) if frame else 0.0
        if self.agent_rms >= AUDIBLE_RMS:
            self._agent_heard()
        else:
            self.quiet_slots += 1
        self.slot += 1
        return frame

    def ring(self) -> None:
        """One slot goes by in which the caller hears ringing, and is not heard."""
        self.playback.play_to_nobody()
        self.caller_rms = self.agent_rms = 0.0
        self.quiet_slots += 1
        self.slot += 1

    def interrupt(self) -> Interrupted:
        """The service said ``interruption``: what is queued is thrown away."""
        flushed = self.playback.flush()
        turn = self.turns[-1] if self.turns else None
        if turn is not None and (self.agent_speaks or flushed):
            if turn.over_agent and turn.hushed_slot is None:
                turn.hushed_slot = self.slot
            self._forget_early_answer(turn)
        self.quiet_slots = _LONG_AGO
        return Interrupted(self.now_ms, flushed * FRAME_MS)

    def _agent_heard(self) -> None:
        if not self.agent_speaks:
            self.onset_slot = self.slot
        if self.first_heard_slot is None:
            self.first_heard_slot = self.slot
        self.quiet_slots = 0
        self.heard += 1
        self._answer()

    def _answer(self) -> None:
        """Speech that began within the turn and is heard after its end is the answer."""
        turn = self.turns[-1] if self.turns else None
        if turn is None or turn.end_slot is None or turn.answer_slot is not None:
            return
        onset = self.onset_slot
        if onset is not None and onset > turn.start_slot and self.slot > turn.end_slot:
            turn.answer_slot = onset

    def _forget_early_answer(self, turn: Turn) -> None:
        """An answer into a pause, then thrown away as the caller went on, was none."""
        if turn.answer_slot is not None and turn.latency_ms == 0:
            turn.answer_slot = None
