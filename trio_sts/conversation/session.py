"""The conversation: inputs of both legs in, commands out. Nothing is decided here.

One pass of the core is one call of `Conversation.take`: the rules that react to the input,
then the rules of the pass that have become due, and the commands of both in order.
"""

from trio_sts.wire import avr
from trio_sts.wire.realtime.requests import AppendAudio

from .commands import Command, Outgoing, ToModel
from .config import Rules
from .inputs import Finish, Input
from .moments import NEVER
from .parts.counters import Counters
from .parts.ear import SpeechDetector
from .parts.history import Entry
from .parts.latencies import Latencies
from .reactions import EVENTS, PASS
from .rules import barge_in, dead_air, hearing, transcripts
from .state import State, new_state

# Two sums of the same times may differ in their last bits.
_SAME_MOMENT_S = 1e-6
# A report is read some ms late or early. What waits for the end of all audio may be so much
# late: the next pass puts it right.
_JITTER_S = 0.01
# A rule may make an earlier one of the pass due; what still is after so many rounds has
# to wait for the next pass.
_MOST_ROUNDS = 4


class Conversation:
    """One call's conversation, without any I/O.

    Args:
        rules: How it is held.
        now: The time at which the caller leg opened, in seconds.
        fallback_uuid: The call id if ``init`` brings none that can be used.
        detector: What hears speech in the caller's audio. Nothing else in the core
            looks at samples: only their number counts.
    """

    def __init__(
        self,
        rules: Rules,
        *,
        now: float,
        fallback_uuid: str,
        detector: SpeechDetector | None = None,
    ) -> None:
        self._state = new_state(
            rules, started_at=now, fallback_uuid=fallback_uuid, detector=detector
        )
        self._due_at = NEVER
        self._due_rule = ""
        self._run_pass(now)

    @property
    def deadline(self) -> float:
        """When a `Tick` is due, at the latest; infinity if never."""
        return self._due_at

    @property
    def due_rule(self) -> str:
        """Which rule the `deadline` is of; empty if there is none."""
        return self._due_rule

    @property
    def state(self) -> State:
        """Its parts, for who looks at a call; nobody else changes them."""
        return self._state

    @property
    def counters(self) -> Counters:
        """The call in numbers."""
        return self._state.counters

    @property
    def latencies(self) -> Latencies:
        """How long the caller waited for answers."""
        return self._state.latencies

    @property
    def history(self) -> tuple[Entry, ...]:
        """What was said and heard so far, oldest first, bounded."""
        return self._state.history.kept

    @property
    def end_reason(self) -> str | None:
        """How the call has ended if the caller is gone now; None if by hanging up."""
        state = self._state
        return state.goodbye.outcome or state.apology.outcome or None

    def take(self, input_: Input, now: float) -> list[Command]:
        """One pass: one input of either leg, of the shell or of the clock.

        Args:
            input_: What came.
            now: The time, which never goes back.
        """
        if isinstance(input_, avr.CallerAudio) and input_.pcm:
            state = self._state
            held_up = state.out.ended or state.opening.path_awaited
            if now < self._due_at and not held_up:
                return self._caller_audio(input_, now)
        elif isinstance(input_, avr.MarkPlayed):
            return self._mark_played(input_, now)
        elif isinstance(input_, Finish):
            return self._finish(now)
        return self._react(input_, now)

    def _finish(self, now: float) -> list[Command]:
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

    def _mark_played(self, message: avr.MarkPlayed, now: float) -> list[Command]:
        """The clock of the playout is put right: a pass is needed if things are earlier."""
        state = self._state
        if now >= self._due_at or state.out.ended:
            return self._react(message, now)
        drained_at = state.playout.drained_at
        hearing.mark_played(state, message, now)
        playing_at = hearing.play_at(state, now)
        is_earlier = state.playout.drained_at < drained_at - _JITTER_S
        if is_earlier or playing_at <= now + _SAME_MOMENT_S:
            return self._finish_pass(now)
        self._wake(playing_at, "playout")
        return []

    def _wake(self, at: float, rule: str) -> None:
        if at < self._due_at:
            self._due_at, self._due_rule = at, rule

    def _last_records(self, now: float) -> list[Command]:
        state = self._state
        state.out = Outgoing()
        barge_in.record_unheard(state, now)
        transcripts.send_rest(state)
        return state.out.take()
