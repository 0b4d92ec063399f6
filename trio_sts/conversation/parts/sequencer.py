"""The one place that decides when ``response.create`` is sent."""

from attrs import define, field

from trio_sts.conversation.moments import AT_ONCE, NEVER
from trio_sts.wire.realtime.requests import CreateResponse

# The VAD creates its response within this time after speech stopped, or not at all.
VAD_GRACE_S = 1.0


@define
class Sequencer:
    """Knows which response is active and whether one is wanted.

    A response that is created after the want satisfies it, whoever created it; one that
    was active already does not.

    Written by: asking; responses report what became of a response.
    """

    active: str | None = None
    wanted: bool = False
    # A create was sent, and neither a response nor a refusal has come back.
    asked: bool = False
    _instructions: str | None = field(default=None, repr=False)
    _not_before: float = AT_ONCE
    _speech_hold: float = AT_ONCE
    # A refusal said that one is active which we have not seen.
    _unseen_active: bool = False
    _created_since_asked: bool = False
    # The want came after a create that is still unanswered, which cannot satisfy it.
    _want_outlives_ask: bool = False

    def want(
        self, *, instructions: str | None = None, not_before: float = AT_ONCE
    ) -> None:
        """One response is wanted, not before a moment (for retries)."""
        self.wanted = True
        self._want_outlives_ask = self.asked
        self._instructions = instructions
        self._not_before = max(self._not_before, not_before)

    def again(self, *, not_before: float = AT_ONCE) -> None:
        """The same response is wanted once more: the last one came to nothing."""
        self.asked = False
        self.want(instructions=self._instructions, not_before=not_before)

    def fulfilled(self) -> None:
        """A response was completed: its instructions are not to be repeated."""
        if not self.wanted:
            self._instructions = None

    def drop_want(self) -> None:
        """Nothing is owed any more."""
        self.wanted = False

    def waiting_for_retry(self, now: float) -> bool:
        """Whether a want waits for the delay that the model's side asked for."""
        return now < self._not_before and self.deadline < NEVER

    @property
    def busy(self) -> bool:
        """Whether a response is active, seen or unseen."""
        return self.active is not None or self._unseen_active

    def created(self, response_id: str) -> None:
        """``response.created``, ours or the VAD's."""
        ours = self.asked
        self.active = response_id
        self.asked = False
        self._created_since_asked = True
        self._unseen_active = False
        self._not_before = AT_ONCE
        # The caller still speaks: this is the answer to our create, and not the VAD's.
        if not (ours and self._speech_hold == NEVER):
            self._speech_hold = AT_ONCE
        self.wanted = self.wanted and self._want_outlives_ask
        self._want_outlives_ask = False

    def done(self, response_id: str) -> None:
        """``response.done``, which may come without a ``response.created``."""
        self._unseen_active = False
        if self.active == response_id:
            self.active = None
        elif self.active is None and self.asked:
            self.created(response_id)
            self.active = None

    def gone(self) -> None:
        """The active response is over, although its ``response.done`` was not seen."""
        self.active = None

    def speech_started(self) -> None:
        """The caller speaks: the VAD will create the next response."""
        self._speech_hold = NEVER
        self._instructions = self._instructions if self.wanted else None

    def speech_stopped(self, now: float) -> None:
        """The VAD's response is due; after the grace we ask ourselves."""
        self._speech_hold = now + VAD_GRACE_S

    def leave_session(self) -> None:
        """The session is gone, and with it every response and every want."""
        self.active = self._instructions = None
        self.wanted = self.asked = False
        self._not_before = self._speech_hold = AT_ONCE
        self._unseen_active = self._created_since_asked = False
        self._want_outlives_ask = False

    def refused(self) -> None:
        """``conversation_already_has_active_response``: ask again after its end."""
        if not self.asked:
            return
        self.asked = False
        if not self._created_since_asked:
            self.wanted = True
            self._unseen_active = self.active is None

    def nudge(self) -> None:
        """Ask anew: whatever was asked or said to be active has led to nothing."""
        self._unseen_active = False
        self.again()

    def next(self, now: float) -> CreateResponse | None:
        """The ``response.create`` that is due, if one is."""
        if now < self.deadline:
            return None
        self.wanted = False
        self.asked = True
        self._created_since_asked = False
        self._not_before = AT_ONCE
        return CreateResponse(instructions=self._instructions)

    @property
    def deadline(self) -> float:
        """When a create may be sent."""
        if not self.wanted or self.asked or self.busy:
            return NEVER
        return max(self._not_before, self._speech_hold)
