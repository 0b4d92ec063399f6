"""A stage on which every single pass of the core is judged."""

from collections import Counter
from typing import Any

from attrs import define, field
from typing_extensions import override

from trio_sts.conversation import commands
from trio_sts.conversation.config import Permitted
from trio_sts.conversation.reactions import PASS
from trio_sts.wire import avr
from trio_sts.wire.realtime import events, requests

from .debt import Debt
from .stage import Stage

_FRAME_MS = 20
_CANCEL_S = 2.0
# Two marks and a batch.
_MARKS_S = 0.7
_VAD_GRACE_S = 1.0
# What a turn that is owed ends in, beside audio.
STEPS = (
    requests.CreateResponse,
    requests.CancelResponse,
    commands.Reconnect,
    commands.UseSpare,
    commands.EndCall,
    commands.LeaveModel,
    avr.AgentAudio,
)
# The most that one delta of the tests brings.
DELTA_MS = 2_000


@define
class Watched(Stage):
    """Knows, from the messages alone, what may follow, and asserts it.

    Attributes:
        active: The response that is active as far as the messages told.
        gone: Responses that are done.
        banned: Responses that the caller has interrupted and that are not done.
        given_up: Responses that we cancelled or cut for their length.
        parents: The response in which a call was first announced.
        running: Calls whose tool was started and has not answered.
        unanswered: Whether a ``response.create`` has got no answer yet.
        down: The model leg is gone, and what it might still say is not listened to.
    """

    active: str | None = None
    gone: set[str] = field(factory=set[str])
    banned: set[str] = field(factory=set[str])
    given_up: set[str] = field(factory=set[str])
    item_of: dict[str, str] = field(factory=dict[str, str])
    sent_ms: dict[str, float] = field(factory=dict[str, float])
    parents: dict[str, set[str]] = field(factory=dict[str, set[str]])
    running: list[str] = field(factory=list[str])
    started: set[str] = field(factory=set[str])
    answered: Counter[str] = field(factory=Counter[str])
    debt: Debt = field(factory=Debt)
    unanswered: bool = False
    down: bool = False
    # Items of sessions that are gone: one that a new session names is another one.
    foreign: set[str] = field(factory=set[str])
    # How long each session lasts.
    lasts_s: float = float("inf")
    # The session that is to follow: it is being opened, or is set up.
    spare: str = ""
    # A session was set up at least once.
    set_up: bool = False
    nudges: int = 0
    # When the active response was cut, by the caller or by us.
    cut_at: float | None = None
    # The call was answered.
    through: bool = False
    # When nobody looked for a while, until when and for how long.
    stalls: list[tuple[float, float]] = field(factory=list[tuple[float, float]])
    # What is created now is not what an interruption is about.
    creating: bool = False

    @override
    def model_ready(
        self,
        welcome_message: str | None = None,
        *,
        permitted: Permitted | None = None,
        lasts_s: float | None = None,
    ) -> None:
        self.down = False
        self.set_up = True
        self.spare = ""
        lasts_s = self.lasts_s if lasts_s is None else lasts_s
        super().model_ready(welcome_message, permitted=permitted, lasts_s=lasts_s)

    @override
    def model(self, event: events.ServerEvent | Any) -> None:
        if not self.down:
            self.creating = isinstance(event, events.ResponseCreated)
            self._see(event)
            self.debt.event(event, self.now)
            super().model(event)
            self.creating = False

    # One case for each kind of event.
    def _see(self, event: events.ServerEvent | Any) -> None:  # noqa: C901
        match event:
            case events.ResponseCreated(response=response):
                self.active = response.id
                self.cut_at = None
                self.unanswered = False
            case events.AudioDelta(response_id=response, item_id=item):
                self._delta(response, item, len(event.audio))
            case events.ArgumentsDone(call_id=call_id, response_id=response):
                self.parents.setdefault(call_id, set()).add(response)
            case events.OutputItemDone(item=item, response_id=response):
                self.parents.setdefault(item.call_id or "", set()).add(response)
            case events.ResponseDone(response=response):
                for item in response.output:
                    self.parents.setdefault(item.call_id or "", set()).add(response.id)
                self._over(response.id)
            case events.ErrorEvent():
                self.unanswered = False
                self._fail(event.error.code)
                in_vain = event.error.code == "response_cancel_not_active"
                if in_vain and self.active in self.banned | self.given_up:
                    self.active = None
            case events.SpeechStarted() if self.rules.barge_in:
                self._ban()
            case _:
                pass

    @override
    def keys(self, digits: str) -> None:
        self.debt.keys(self.now)
        super().keys(digits)

    def stays_mute(self) -> None:
        """The model says nothing more: a turn that is owed has its next step in time."""
        why = self.debt.owed
        if not why or self._is_excused():
            return
        asked = len(self.log)
        self.advance(self.rules.dead_air_s + _CANCEL_S + _VAD_GRACE_S + 0.1)
        steps = [what for _, what in self.log[asked:] if isinstance(what, STEPS)]
        assert steps or self._is_excused(), f"nothing follows: {why}"

    def _is_excused(self) -> bool:
        """Whether the messages tell of something else that is waited for."""
        state = self.conversation._state  # pyright: ignore[reportPrivateUsage] # what waits in our queue is in no message
        return (
            self.down
            or not self.set_up
            or self.over()
            or bool(self.running)
            or self.debt.is_excused(self.now)
            or state.playout.audible(self.now)
        )

    @override
    def stall(self, seconds: float) -> None:
        super().stall(seconds)
        self.stalls.append((self.now, seconds))

    def _read_late_ms(self) -> float:
        """How late a mark may have been read: the clock goes by that until the next one."""
        since = self.now - _MARKS_S
        recent = [seconds for until, seconds in self.stalls if until >= since]
        return 1000 * sum(recent) if self.rules.reports_marks else 0.0

    @override
    def advance(self, seconds: float) -> None:
        before = self.ticks
        super().advance(seconds)
        assert self.ticks - before <= 20 + 120 * seconds, "too many ticks"

    @override
    def _perform(self, done: list[commands.Command]) -> None:
        was_over = self.over()
        assert not (was_over and done), "something came after the end"
        if any(_is_interruption(command) for command in done):
            self._ban()
        if self.active is not None and any(_is_overflow(command) for command in done):
            self.given_up.add(self.active)
        corrected = not any(_is_overflow(command) for command in done)
        retold = any(_is_restored(command) for command in done)
        for command in done:
            # A new session is told again of calls that were answered before.
            if not (retold and _is_output(command)):
                self._judge(command, corrected=corrected)
        ends = [c for c in done if isinstance(c, commands.EndCall)]
        assert ends in ([], done[-1:])
        super()._perform(done)
        for command in done:
            self.debt.command(command, self.now)
        self.debt.judge_pass(done, over=self.over() or not self.set_up)
        self._judge_state()

    def _lose_session(self) -> None:
        self.down = True
        self.foreign |= set(self.item_of)
        self.gone |= {*self.item_of.values(), *self.banned}
        self.gone |= {each for made in self.parents.values() for each in made}
        self.gone |= {self.active or ""}
        self.active = self.cut_at = None
        self.unanswered = False
        self.banned.clear()

    def _delta(self, response: str, item: str, size: int) -> None:
        seen = response in self.item_of.values()
        self.item_of.setdefault(item, response)
        per_ms = 48 if self.rules.audio_format == "pcm" else 8
        self.sent_ms[item] = self.sent_ms.get(item, 0) + size / per_ms
        known = response in self.gone | self.banned | self.given_up
        if (self.active is None or not seen) and not known:
            self.creating = self.active != response
            self.active = response
            self.unanswered = False

    def _over(self, response: str) -> None:
        if self.active in {response, None}:
            self.active = self.cut_at = None
            self.unanswered = False
        self.gone.add(response)
        self.banned.discard(response)

    def _fail(self, code: str | None) -> None:
        """A fault of the server's ends the active response; what came is heard to its end."""
        if code == "rate_limit_exceeded" and self.active is not None:
            # What has come of it is played; no more of it is taken.
            self.gone.add(self.active)
            self.given_up.add(self.active)
            self.active = None

    def _ban(self) -> None:
        if self.active is not None and not self.creating:
            self.banned.add(self.active)
            self._cut()

    def _cut(self) -> None:
        self.cut_at = self.now if self.cut_at is None else self.cut_at

    def _forget_cut(self) -> None:
        """A response that was cut has 2 s for its end."""
        if self.cut_at is not None and self.now >= self.cut_at + 2 - 1e-6:
            self.gone.add(self.active or "")
            self.active = self.cut_at = None

    def _judge(self, command: commands.Command, *, corrected: bool) -> None:
        match command:
            case commands.ToModel(event=requests.CreateResponse()):
                nudged = self.conversation.counters.nudges > self.nudges
                self.nudges = self.conversation.counters.nudges
                assert nudged or not self.unanswered, "two creates are unanswered"
                self._forget_cut()
                assert self.active is None, "a response is active"
                self.unanswered = True
            case commands.ToModel(
                event=requests.CancelResponse(response_id=str(given))
            ):
                self.given_up.add(given)
                self._cut()
            case commands.ToModel(event=requests.CreateFunctionOutput(call_id=call)):
                # An id that is used again is told from the first one by a key alone
                # in a session that did not make the call.
                made = self.parents.get(call) or self.parents[call.rpartition("_")[0]]
                assert made & self.gone, "its response is not done"
                self.answered[call] += 1
                assert self.answered[call] <= len(made), "a second output"
            case commands.ToModel(event=requests.TruncateItem() as cut) if corrected:
                self._judge_cut(cut.item_id, cut.audio_end_ms)
            case commands.ToCaller(message=avr.Answer()):
                assert not self.through, "answered twice"
                self.through = True
            case commands.RunTool(call_id=call_id):
                assert call_id not in self.started, "run twice"
                self.started.add(call_id)
                self.running.append(call_id)
            case commands.ToCaller(message=avr.AgentAudio(pcm=pcm)):
                assert len(pcm) <= 5 * 320, "more than 100 ms in one batch"
                assert self.through or not self.rules.awaits_answer, "it rings"
                heard = {self.core.item_of(frame) for frame in self.core.cut(pcm)}
                quiet = {i for i in heard if self.item_of[i] in self.banned}
                assert not quiet, "an interrupted response is heard"
            case _:
                self._judge_session(command)

    def _judge_session(self, command: commands.Command) -> None:
        match command:
            case commands.OpenSpare():
                assert not self.spare, "a second one that is to follow"
                self.spare = "opening"
            case commands.UseSpare():
                assert self.spare == "ready", "none is there to be used"
                self._lose_session()
                self.spare, self.down = "", False
            case commands.Reconnect() | commands.LeaveModel():
                self.spare = ""
                self._lose_session()
            case _:
                pass

    def _judge_cut(self, item: str, heard_ms: float) -> None:
        if item in self.foreign:
            return
        self.core.play_until(self.now)
        delay_ms = self.rules.playout_delay_ms
        sent_ms = self.sent_ms[item]
        assert heard_ms <= sent_ms, "more heard than received"
        played_ms = self.core.started_ms[item] + max(_FRAME_MS - delay_ms, 0)
        assert heard_ms <= played_ms, "more heard than played"
        finished_ms = min(self.core.finished_ms[item], sent_ms)
        least_ms = finished_ms - delay_ms - self._read_late_ms() - 1
        assert heard_ms >= least_ms, "less heard than played"

    def _judge_state(self) -> None:
        # Caller audio may make the pass due at once; a busy loop is looked for in time.
        assert self.conversation.deadline >= self.now, "the deadline is in the past"
        self._judge_deadline()
        assert self.core.most_queued <= self.rules.playout_lead_ms // _FRAME_MS + 1
        state = self.conversation._state  # pyright: ignore[reportPrivateUsage] # nothing else shows what waits
        playout = state.playout
        assert playout.queued_ms <= self.rules.playout_max_s * 1000 + DELTA_MS + 40

    def _judge_deadline(self) -> None:
        """No step of the pass has made an earlier one due."""
        state = self.conversation._state  # pyright: ignore[reportPrivateUsage] # what the next pass will look at
        if state.out.ended:
            return
        first = min(PASS, key=lambda step: step.due_at(state, self.now))
        due_at = max(first.due_at(state, self.now), self.now)
        # Two sums of the same times may differ in their last bits.
        assert self.conversation.deadline <= due_at + 1e-6, first.name


def _is_interruption(command: commands.Command) -> bool:
    return command == commands.ToCaller(avr.Interruption())


def _is_restored(command: commands.Command) -> bool:
    return isinstance(command, commands.Note) and command.event == "model restored"


def _is_output(command: commands.Command) -> bool:
    if not isinstance(command, commands.ToModel):
        return False
    return isinstance(command.event, requests.CreateFunctionOutput)


def _is_overflow(command: commands.Command) -> bool:
    return isinstance(command, commands.Note) and command.event == "answer cut"
