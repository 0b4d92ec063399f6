"""What became of a call: its turns, what was heard, how it ended."""

from enum import StrEnum
from typing import Literal

from attrs import define, field, frozen

from trio_sts.audio.framing import FRAME_MS


class Outcome(StrEnum):
    """How a call ended; the value is fit for a sentence."""

    CALLER_HUNG_UP = "the caller hung up"
    SERVICE_CLOSED = "the service closed the call"
    SERVICE_HUNG_UP = "the service hung up"
    NOT_ANSWERED = "the service never answered the call"
    AMI_HUNG_UP = "avr-ami hung up"
    TRANSFERRED = "avr-ami transferred the call"
    TIME_UP = "the longest call time was reached"
    LOST = "the connection was lost"
    REFUSED = "the service refused the call"
    UNREACHABLE = "the service could not be reached"


@define
class Turn:
    """One thing that the caller did, and what came of it; places are slots of 20 ms.

    Attributes:
        kind: Whether the caller spoke or pressed keys.
        start_slot: Where it began.
        end_slot: Where its last speech, or its last key, was sent; None while it goes on.
        over_agent: The agent was being heard when it began: a barge-in.
        hushed_slot: Where an ``interruption`` silenced the agent; None if none did.
        answer_slot: Where the agent's answer was first heard; None if it never was.
    """

    kind: Literal["voice", "keys"]
    start_slot: int
    end_slot: int | None = None
    over_agent: bool = False
    hushed_slot: int | None = None
    answer_slot: int | None = None

    @property
    def latency_ms(self) -> int | None:
        """From the last of the caller's speech sent to the first of the agent's heard.

        It is 0 for an agent who answered into a pause of the caller and went on.
        """
        if self.end_slot is None or self.answer_slot is None:
            return None
        return max(0, self.answer_slot - self.end_slot) * FRAME_MS

    @property
    def hush_ms(self) -> int | None:
        """From the first of the caller's speech sent to the agent's silence."""
        if self.hushed_slot is None:
            return None
        return (self.hushed_slot - self.start_slot) * FRAME_MS


@frozen
class Said:
    """A transcript that the service sent.

    Attributes:
        at_ms: When, on the call's time line.
        role: Who said it.
        text: What, without control characters.
    """

    at_ms: int
    role: Literal["user", "agent"]
    text: str = field(repr=False)


@frozen
class Interrupted:
    """An ``interruption`` of the service.

    Attributes:
        at_ms: When, on the call's time line.
        flushed_ms: How much queued speech the caller was spared.
    """

    at_ms: int
    flushed_ms: int


@frozen(kw_only=True)
class Faults:
    """What the service did against the protocol, and what broke on this side.

    Attributes:
        bad_messages: Messages that were no JSON object of a known shape.
        unknown_messages: Messages of a type that AVR Core or Asterisk does not know.
        odd_frames: Audio messages of a wrong length: to AVR Core each is one frame of 320
            bytes, to Asterisk whole frames.
        dropped_frames: Frames for which there was no room: beyond ten minutes of queued
            speech, or 20 s in Asterisk.
        unheard_frames: Frames that came before the call was answered.
        gaps: Short silences inside the agent's speech because the service fed too slowly.
        unsent_frames: Caller frames that the service was too slow to read.
    """

    bad_messages: int = 0
    unknown_messages: int = 0
    odd_frames: int = 0
    dropped_frames: int = 0
    unheard_frames: int = 0
    gaps: int = 0
    unsent_frames: int = 0


@frozen(kw_only=True)
class CallReport:
    """One call as the caller had it.

    Attributes:
        uuid: The call's id, as sent in ``init`` or in the query string.
        outcome: How it ended.
        close_code: The WebSocket close code that the service sent, or that it was sent
            for bad frames (1002, 1007) or too long a message (1009); 1006 if the
            connection was lost; None if the caller ended the call or it never began.
        reason: The service's own words for the end, without control characters; may be "".
        http_status: The answer to the upgrade if it was refused.
        next_step: Where the service would have Asterisk's dialplan go on, as
            ``context,extension,priority``; "" if nowhere, or if it was not asked.
        duration_s: From ``init`` to the end.
        rang_ms: How long the caller heard ringing; None if the call was not answered, or
            answered before it came.
        greeting_ms: From ``init`` to the first of the agent heard before the caller did
            anything; None without a greeting.
        turns: What the caller did, in order.
        interruptions, transcripts, errors: What the service sent, in order; at most
            2000 of each are kept.
        received_s: Agent audio that arrived.
        played_s: The part of it that was played.
        heard_s: The part of that which was loud enough to hear.
        flushed_s: The part that interruptions threw away.
        unplayed_s: What was still queued at the end, and lost.
        faults: Broken rules, counted.
    """

    uuid: str
    outcome: Outcome
    close_code: int | None = None
    reason: str = ""
    http_status: int | None = None
    next_step: str = ""
    duration_s: float = 0.0
    rang_ms: int | None = None
    greeting_ms: int | None = None
    turns: tuple[Turn, ...] = ()
    interruptions: tuple[Interrupted, ...] = ()
    transcripts: tuple[Said, ...] = ()
    errors: tuple[str, ...] = ()
    received_s: float = 0.0
    played_s: float = 0.0
    heard_s: float = 0.0
    flushed_s: float = 0.0
    unplayed_s: float = 0.0
    faults: Faults = Faults()

    @property
    def latencies_ms(self) -> tuple[int, ...]:
        """The latency of each turn that was answered, in order."""
        every = (turn.latency_ms for turn in self.turns)
        return tuple(latency for latency in every if latency is not None)

    @property
    def conversed(self) -> bool:
        """Whether a conversation took place: the agent was heard, and answered all."""
        answered = all(turn.answer_slot is not None for turn in self.turns)
        return self.heard_s > 0 and answered
