"""The parts of one conversation, side by side; the rules that join them are elsewhere."""

from collections import deque
from enum import Enum, auto

from attrs import define, field

from trio_sts.audio.formats import encoder

from .failures import backoff_s
from .goodbye import Goodbye
from .history import History
from .intake import Intake
from .keypad import Keypad
from .outgoing import Outgoing
from .patience import Patience
from .playout import Playout
from .responses import Sequencer
from .rules import Rules
from .tally import Tally
from .toolcalls import ToolCalls

# Responses of the past that a straggler may still name.
_REMEMBERED_RESPONSES = 64


class Greeting(Enum):
    """How far the greeting has come."""

    NONE = auto()
    ASKED = auto()
    SPEAKING = auto()
    OVER = auto()


@define
class Quarantine:
    """Responses that the caller is not to hear any more of, until they are done."""

    _ids: deque[str] = field(
        factory=lambda: deque[str](maxlen=_REMEMBERED_RESPONSES), alias="ids"
    )

    def add(self, response_id: str) -> None:
        """Drop what still comes of this response."""
        if response_id not in self._ids:
            self._ids.append(response_id)

    def release(self, response_id: str) -> None:
        """It is done: nothing more comes of it."""
        if response_id in self._ids:
            self._ids.remove(response_id)

    def __contains__(self, response_id: str | None) -> bool:
        return response_id in self._ids


@define
class State:
    """Everything that a conversation knows."""

    rules: Rules
    started_at: float
    fallback_uuid: str
    out: Outgoing = field(factory=Outgoing)
    tally: Tally = field(factory=Tally)
    sequencer: Sequencer = field(factory=Sequencer)
    calls: ToolCalls = field(factory=ToolCalls)
    quarantine: Quarantine = field(factory=Quarantine)
    playout: Playout = field(init=False)
    intake: Intake = field(init=False)
    history: History = field(init=False)
    goodbye: Goodbye = field(init=False)
    keypad: Keypad = field(init=False)
    patience: Patience = field(init=False)
    begun: bool = False
    caller_speaking: bool = False
    ready: bool = False
    greeting: Greeting = Greeting.NONE
    greeting_response_id: str | None = None
    protected_until: float = float("inf")
    done_responses: deque[str] = field(
        factory=lambda: deque[str](maxlen=_REMEMBERED_RESPONSES)
    )
    retries: int = 0
    # Since the last completed response.
    reconnects: int = 0
    owed_at_drop: bool = False
    tool_answered_at: float = float("-inf")
    # Why the call is about to end, once call control has succeeded.
    parting: str | None = None
    unknown_types: set[str] = field(factory=set[str])
    init_repeated: bool = False
    # Calls of remote tool servers that run now, in the active response.
    remote_calls: deque[str] = field(
        factory=lambda: deque[str](maxlen=_REMEMBERED_RESPONSES)
    )
    # Items of remote tool servers that the log knows of.
    remote_items: deque[str] = field(
        factory=lambda: deque[str](maxlen=_REMEMBERED_RESPONSES)
    )

    def __attrs_post_init__(self) -> None:
        rules = self.rules
        self.playout = Playout(
            rules.audio_format,
            lead_ms=rules.playout_lead_ms,
            delay_ms=rules.playout_delay_ms,
            max_ms=rules.playout_max_s * 1000,
        )
        self.intake = Intake(encoder(rules.audio_format))
        self.history = History(rules.caller_transcripts)
        self.goodbye = Goodbye(rules.goodbye_timeout_s)
        self.keypad = Keypad(rules.dtmf_timeout_ms)
        self.patience = Patience(rules.dead_air_s)

    def retry(self, now: float, named_s: float | None, *, code: str | None) -> None:
        """Ask for the failed response again, or give up."""
        delay_s = backoff_s(self.retries, named_s)
        if delay_s is None:
            self.out.end(1011, "model failed", "The assistant cannot answer just now.")
            return
        self.retries += 1
        self.tally.retries += 1
        self.out.note("warning", "response failed", code=code, retry_in_s=delay_s)
        self.sequencer.again(not_before=now + delay_s)
        if not self.patience.owed:
            self.patience.owe()

    @property
    def response_missing(self) -> bool:
        """Whether a turn is owed and no response has begun that could still fail."""
        owed = self.sequencer.asked or self.patience.owed
        return owed and not self.sequencer.busy
