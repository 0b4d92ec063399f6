"""The conversation: inputs of both legs in, commands out. Nothing is decided here.

One pass of the core is one call of a method here: the rules that react to the input,
then the rules of the pass that have become due, and the commands of both in order.
"""

from trio_sts.errors import BadMessage
from trio_sts.wire import avr
from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.items import SessionInfo
from trio_sts.wire.realtime.requests import AppendAudio

from .commands import Command, Outgoing, ToModel
from .config import Permitted, Rules
from .inputs import (
    BadEvent,
    ModelFailed,
    ModelLost,
    ModelReady,
    SpareLost,
    SpareReady,
    ToolFinished,
)
from .moments import NEVER
from .parts.counters import Counters
from .parts.history import Entry
from .reactions import EVENTS, PASS
from .rules import barge_in, dead_air, hearing, transcripts
from .state import new_state

# Two sums of the same times may differ in their last bits.
_SAME_MOMENT_S = 1e-6
# A rule may make an earlier one of the pass due; what still is after so many rounds has
# to wait for the next pass.
_MOST_ROUNDS = 4


class Conversation:
    """One call's conversation, without any I/O.

    Args:
        rules: How it is held.
        now: The time at which the caller leg opened, in seconds.
        fallback_uuid: The call id if ``init`` brings none that can be used.
    """

    def __init__(self, rules: Rules, *, now: float, fallback_uuid: str) -> None:
        self._state = new_state(rules, started_at=now, fallback_uuid=fallback_uuid)
        self._due_at = NEVER
        self._due_rule = ""
        self._run_pass(now)

    @property
    def deadline(self) -> float:
        """When `tick` is due, at the latest; infinity if never."""
        return self._due_at

    @property
    def due_rule(self) -> str:
        """Which rule the `deadline` is of; empty if there is none."""
        return self._due_rule

    @property
    def counters(self) -> Counters:
        """The call in numbers."""
        return self._state.counters

    @property
    def history(self) -> tuple[Entry, ...]:
        """What was said and heard so far, oldest first, bounded."""
        return self._state.history.kept

    @property
    def end_reason(self) -> str | None:
        """How the call has ended if the caller is gone now; None if by hanging up."""
        state = self._state
        return state.goodbye.outcome or state.apology.outcome or None

    def from_caller(
        self, message: avr.FromCore | BadMessage, now: float
    ) -> list[Command]:
        """One message of AVR Core, or what was wrong with it."""
        nothing_due = now < self._due_at and not self._state.out.ended
        if nothing_due and isinstance(message, avr.CallerAudio) and message.pcm:
            return self._caller_audio(message, now)
        return self._react(message, now)

    def model_ready(
        self,
        info: SessionInfo,
        now: float,
        *,
        welcome_message: str | None = None,
        permitted: Permitted | None = None,
        ends_at: float = NEVER,
    ) -> list[Command]:
        """A session is set up: greet, then send the caller's audio that was kept.

        A later session of the call is given the history instead.

        Args:
            info: What the model's side says of its session.
            now: The time.
            welcome_message: The greeting, word for word; None leaves it to the model.
            permitted: What this call may do; None is everything.
            ends_at: When the session's time is up; infinity if never.
        """
        given = permitted or Permitted()
        ready = ModelReady(info, ends_at, welcome_message, given)
        return self._react(ready, now)

    def from_model(
        self, event: events.ServerEvent | BadMessage, now: float
    ) -> list[Command]:
        """One event of the model, or what was wrong with it."""
        if isinstance(event, BadMessage):
            return self._react(BadEvent(event), now)
        return self._react(event, now)

    def model_lost(self, now: float, *, unsent: bytes = b"") -> list[Command]:
        """The model leg is gone; a new one is announced by `model_ready`.

        Args:
            now: The time.
            unsent: Caller audio that the leg cannot have got, in its format, up to now.
        """
        return self._react(ModelLost(unsent), now)

    def spare_ready(self, now: float, *, ends_at: float = NEVER) -> list[Command]:
        """The session that is to follow is set up; it is used when the core says so."""
        return self._react(SpareReady(ends_at), now)

    def spare_lost(self, now: float) -> list[Command]:
        """The session that was to follow could not be opened, or is gone."""
        return self._react(SpareLost(), now)

    def model_failed(self, outcome: str, reason: str, now: float) -> list[Command]:
        """No session can be had: the caller hears so, and the call ends.

        Args:
            outcome: One or two words for the summary line.
            reason: Why, in plain words, for the caller's side.
            now: The time.
        """
        return self._react(ModelFailed(outcome, reason), now)

    def tool_finished(
        self, call_id: str, output: str, now: float, *, ok: bool, silent: bool = False
    ) -> list[Command]:
        """A tool has answered.

        Args:
            call_id: As in the command that ran it.
            output: The text for the model.
            now: The time.
            ok: Whether it did what it was asked.
            silent: Nothing is to be said about it.
        """
        return self._react(ToolFinished(call_id, output, ok, silent), now)

    def tick(self, now: float) -> list[Command]:
        """The deadline has come."""
        return self._finish_pass(now)

    def finish(self, now: float) -> list[Command]:
        """The call is over, whoever ended it: what is left for the record."""
        if self._state.out.ended:
            return []
        commands = [*self._state.out.take(), *self._last_records(now)]
        self._state.out = Outgoing(ended=True)
        return commands

    def _react(self, event: object, now: float) -> list[Command]:
        for reaction in EVENTS.get(type(event), ()):
            reaction(self._state, event, now)
        return self._finish_pass(now)

    def _finish_pass(self, now: float) -> list[Command]:
        self._run_pass(now)
        out = self._state.out
        commands = out.take()
        if out.ending is not None:
            commands += [*self._last_records(now), out.ending]
            self._state.out = Outgoing(ended=True)
        return commands

    def _run_pass(self, now: float) -> None:
        state, due_at, due_rule = self._state, NEVER, ""
        for _ in range(_MOST_ROUNDS):
            due_at, due_rule, ran = NEVER, "", False
            for step in PASS:
                if state.out.ended:
                    break
                at = step.due_at(state, now)
                if at <= now + _SAME_MOMENT_S:
                    # The first one cannot make an earlier one due.
                    ran = ran or step is not PASS[0]
                    step.run(state, now)
                    at = step.due_at(state, now)
                if at < due_at:
                    due_at, due_rule = at, step.name
            if not ran or state.out.ended:
                break
        if state.out.ended:
            due_at, due_rule = NEVER, ""
        self._due_at, self._due_rule = due_at, due_rule

    def _caller_audio(self, message: avr.CallerAudio, now: float) -> list[Command]:
        """The bulk of all messages: intake and dead air alone can become due by it."""
        state = self._state
        unanswered_at, speaks_until = state.ear.unanswered_at, state.ear.speaks_until
        audio = hearing.forward_at_once(state, message.pcm, now)
        if audio is None:
            hearing.caller_audio(state, message, now)
            hearing.send_caller_audio(state, now)
        if state.ear.unanswered_at != unanswered_at:
            # The model is to show that it has heard this as well.
            self._due_at, self._due_rule = now, "dead air"
        elif state.ear.speaks_until != speaks_until and state.caller_speech.active:
            # What is heard excuses the model's silence from now on.
            self._wake(dead_air.watch_at(state, now), "dead air")
        self._wake(state.intake.deadline, "intake")
        return [ToModel(AppendAudio(audio))] if audio else state.out.take()

    def _wake(self, at: float, rule: str) -> None:
        if at < self._due_at:
            self._due_at, self._due_rule = at, rule

    def _last_records(self, now: float) -> list[Command]:
        state = self._state
        state.out = Outgoing()
        barge_in.record_unheard(state, now)
        transcripts.send_rest(state)
        return state.out.take()
