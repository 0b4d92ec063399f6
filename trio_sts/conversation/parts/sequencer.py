"""What decides when ``response.create`` is sent: what is active, asked for and wanted."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from attrs import define, evolve, field, frozen

from trio_sts.conversation.moments import AT_ONCE, NEVER
from trio_sts.wire.realtime.requests import CreateResponse

# The VAD creates its response within this time after speech stopped, or not at all.
VAD_GRACE_S: Final = 1.0
# A cancelled response has so long for its `response.done`.
CANCEL_S: Final = 2.0


@frozen
class Ask:
    """What is special about a response that is asked for."""

    instructions: str | None = field(default=None, repr=False)
    tool_choice: Literal["none"] | None = None
    audio: bool = False


_PLAIN: Final = Ask()
# What an endpoint may refuse of a create: our name of it, and what leaves it out.
_OPTIONAL: Final[Mapping[str, tuple[str, Any]]] = {
    "instructions": ("instructions", None),
    "tool_choice": ("tool_choice", None),
    "output_modalities": ("audio", False),
    "modalities": ("audio", False),
}


@define
class Sequencer:
    """Knows which response is active and whether one is wanted.

    A response that is created after the want satisfies it, whoever created it; one that
    was active already does not. A refused create leaves its want as it was, whether the
    refusal comes before or after the `response.created` of the response that it is for.

    Written by: asking, and whichever rule wants a response; responses and restoring
    report what became of one.
    """

    active: str | None = None
    wanted: bool = False
    # A create was sent, and neither a response nor a refusal has come back.
    asked: bool = False
    # Of the last want, until something of its answer was audible.
    _ask: Ask = _PLAIN
    _not_before: float = AT_ONCE
    _speech_hold: float = AT_ONCE
    # A refusal said that one is active which we have not seen.
    _unseen_active: bool = False
    # The active one was created after our create, which may still be refused.
    _may_be_refused: bool = False
    # The want came after a create that is still unanswered, which cannot satisfy it.
    _want_outlives_ask: bool = False
    _gone_at: float = NEVER
    # What the endpoint refuses, and what leaves it out.
    _without: dict[str, Any] = field(factory=dict[str, Any])

    def want(self, ask: Ask | None = None, *, not_before: float = AT_ONCE) -> None:
        """One response is wanted, not before a moment (for retries).

        A want that is not met yet keeps what was special about it.
        """
        if ask is not None or not self.wanted:
            self._ask = ask or _PLAIN
        self.wanted = True
        self._want_outlives_ask = self.asked
        self._not_before = max(self._not_before, not_before)

    def forget_delay(self) -> None:
        """The caller has taken another turn: it does not wait for an old failure."""
        self._not_before = AT_ONCE

    def again(self, ask: Ask | None = None, *, not_before: float = AT_ONCE) -> None:
        """The same response is wanted once more: the last one came to nothing.

        Args:
            ask: What is special about it if it is not quite the same.
            not_before: For retries.
        """
        self.asked = False
        self.want(ask or self._ask, not_before=not_before)

    def again_aloud(self) -> None:
        """The same once more, and in audio: the last one came as text."""
        self.asked = False
        self.want(evolve(self._ask, audio=True))

    def was_audible(self) -> None:
        """The caller heard something of the answer: what was asked for is done."""
        if not self.wanted:
            self._ask = _PLAIN

    def drop_want(self) -> None:
        """Nothing is owed any more."""
        self.wanted = False

    def waiting_for_retry(self, now: float) -> bool:
        """Whether a want waits for the delay that the model's side asked for."""
        return now < self._not_before and self.deadline < NEVER

    def retry_at(self, now: float) -> float:
        """When it waits for that no more; infinity if it does not wait."""
        return self._not_before if self.waiting_for_retry(now) else NEVER

    @property
    def busy(self) -> bool:
        """Whether a response is active, seen or unseen."""
        return self.active is not None or self._unseen_active

    @property
    def idle(self) -> bool:
        """Whether no response is active, asked for or wanted."""
        return not (self.busy or self.asked or self.wanted)

    def created(self, response_id: str) -> None:
        """``response.created``, ours or the VAD's."""
        ours = self.asked
        stands = self._want_outlives_ask or self._unseen_active
        self.active = response_id
        self.asked = False
        self._may_be_refused = ours
        self._unseen_active = False
        self._not_before = AT_ONCE
        self._gone_at = NEVER
        # The caller still speaks: this is the answer to our create, and not the VAD's.
        if not (ours and self._speech_hold == NEVER):
            self._speech_hold = AT_ONCE
        self.wanted = self.wanted and stands
        self._want_outlives_ask = False

    def done(self, response_id: str) -> None:
        """``response.done``, which may come without a ``response.created``."""
        self._unseen_active = False
        if self.active == response_id:
            self.gone()
        elif self.active is None and self.asked:
            self.created(response_id)
            self.gone()

    def cancelled(self, now: float) -> None:
        """The active response is cancelled: it has 2 s for its end."""
        if self.active is not None and self._gone_at == NEVER:
            self._gone_at = now + CANCEL_S

    @property
    def gone_at(self) -> float:
        """When a cancelled response counts as gone."""
        return self._gone_at

    def gone(self) -> None:
        """The active response is over, although its ``response.done`` was not seen.

        A refusal may still come: some gateways hold errors back.
        """
        self.active = None
        self._gone_at = NEVER

    def speech_started(self) -> None:
        """The caller speaks: the VAD will create the next response."""
        self._speech_hold = NEVER
        if not self.wanted:
            self._ask = _PLAIN

    def speech_stopped(self, now: float) -> None:
        """The VAD's response is due; after the grace we ask ourselves."""
        self._speech_hold = now + VAD_GRACE_S

    def leave_session(self) -> None:
        """The session is gone, and with it every response and every want."""
        self.active = None
        self.wanted = self.asked = False
        self._not_before = self._speech_hold = AT_ONCE
        self._unseen_active = self._may_be_refused = False
        self._want_outlives_ask = False
        self._gone_at = NEVER

    def refused(self) -> None:
        """``conversation_already_has_active_response``: ask again after its end."""
        if self.asked:
            self.asked = False
            self.wanted = True
            self._unseen_active = self.active is None
        elif self._may_be_refused:
            self._may_be_refused = False
            self.wanted = True

    def do_without(self, name: str) -> bool:
        """A field of our create is refused: from now on it is left out.

        Args:
            name: As in the request.

        Returns:
            Whether an ask had it, which is asked again without it.
        """
        if not self.asked or name not in _OPTIONAL:
            return False
        field_name, nothing = _OPTIONAL[name]
        if evolve(self._ask, **self._without) == evolve(
            self._ask, **self._without, **{field_name: nothing}
        ):
            return False
        self._without[field_name] = nothing
        self.again()
        return True

    def ask_anew(self, ask: Ask | None = None) -> None:
        """Whatever was asked, said to be active or waited for has led to nothing."""
        self._unseen_active = False
        self._speech_hold = self._not_before = AT_ONCE
        self.asked = False
        self.want(ask or self._ask)

    def next(self, now: float) -> CreateResponse | None:
        """The ``response.create`` that is due, if one is."""
        if now < self.deadline:
            return None
        self.wanted = False
        self.asked = True
        self._may_be_refused = False
        self._not_before = AT_ONCE
        ask = evolve(self._ask, **self._without)
        return CreateResponse(
            ask.instructions, tool_choice=ask.tool_choice, audio=ask.audio
        )

    @property
    def deadline(self) -> float:
        """When a create may be sent."""
        if not self.wanted or self.asked or self.busy:
            return NEVER
        return max(self._not_before, self._speech_hold)
