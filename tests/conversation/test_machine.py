"""Model and caller do what they like, in any order: what must hold all the same."""

import os

import pytest
from attrs import evolve
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from typing_extensions import override

from trio_sts.audio.formats import AudioFormat
from trio_sts.conversation.config import Rules
from trio_sts.errors import BadMessage
from trio_sts.wire.realtime.events import (
    ArgumentsDone,
    ItemAdded,
    McpProgress,
    OutputItemDone,
    ResponseDone,
    TranscriptDelta,
    UnknownEvent,
)
from trio_sts.wire.realtime.items import ContentPart, Item, Response

from .recorded import Recorded
from .stage import called, spoken
from .voice import speak
from .watched import DELTA_MS, Watched

# Set to look at other calls than those of the last time.
EXPLORE = bool(os.environ.get("EXPLORE"))
# How many of each kind; `make replays` holds ten thousand in all.
CONVERSATIONS = int(os.environ.get("CONVERSATIONS") or settings().max_examples)

RULES = st.builds(
    Rules,
    caller_transcripts=st.booleans(),
    playout_lead_ms=st.sampled_from((400, 100, 20, 1000)),
    playout_delay_ms=st.sampled_from((60, 0, 200)),
    playout_max_s=st.sampled_from((300, 3)),
    greeting=st.booleans(),
    greeting_protected=st.booleans(),
    idle_s=st.just(1e6),
)
SECONDS = st.sampled_from((0.01, 0.02, 0.1, 0.37, 1.0, 2.5, 8.0))
TOOLS = st.sampled_from(("look_up", "look_up", "avr_hangup", "avr_transfer"))
STATUSES = st.sampled_from(
    ("completed", "completed", "cancelled", "failed", "incomplete")
)
CODES = st.sampled_from(
    (
        "conversation_already_has_active_response",
        "response_cancel_not_active",
        "rate_limit_exceeded",
        "invalid_value",
    )
)
# Audio at 24 kHz is recognised in whole frames.
MS = st.sampled_from((40, 100, 250, 333, 1000, DELTA_MS))


class Call(RuleBasedStateMachine):
    """One call. A rule that a real model or caller would break is marked illegal."""

    FORMAT: AudioFormat = "pcmu"
    BARGE_IN = True
    stage: Watched
    responses: int
    items: int
    calls: int
    # Calls of the active response.
    listed: list[str]
    item: str

    @initialize(
        rules=RULES,
        phase=st.sampled_from((0.0, 0.013)),
        ready=st.booleans(),
        lasts_s=st.sampled_from((float("inf"), 6.0, 12.0, 60.0)),
        asterisk=st.booleans(),
    )
    def opens(
        self,
        rules: Rules,
        phase: float,
        ready: bool,
        lasts_s: float,
        asterisk: bool,
    ) -> None:
        rules = evolve(rules, audio_format=self.FORMAT, barge_in=self.BARGE_IN)
        if asterisk:
            rules = evolve(
                rules, reports_marks=True, awaits_answer=True, playout_delay_ms=0
            )
        self.stage = Watched(rules, grid_s=1000.0 + phase, lasts_s=lasts_s)
        self.responses = self.items = self.calls = 0
        self.listed = []
        self.item = ""
        self.stage.init()
        if ready:
            self.stage.model_ready("Hello.")

    # Time and the caller.

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.stage.advance(seconds)

    @rule(seconds=SECONDS)
    def the_process_is_stalled(self, seconds: float) -> None:
        self.stage.stall(seconds)

    @rule(frames=st.integers(1, 10))
    def caller_is_silent_or_talks(self, frames: int) -> None:
        self.stage.talk(frames * 0.02)

    @rule(digits=st.sampled_from(("1", "23", "#", "4#")))
    def keys(self, digits: str) -> None:
        self.stage.keys(digits)

    @rule()
    def model_ready(self) -> None:
        self.stage.model_ready()

    @rule(back=st.booleans())
    def model_leg_drops(self, back: bool) -> None:
        self.stage.model_lost()
        self.listed = []
        # Nothing comes of it on the next leg.
        self.item = ""
        if back:
            self.stage.model_ready()

    @precondition(lambda self: self.stage.spare == "opening")
    @rule()
    def next_session_is_set_up(self) -> None:
        self.stage.spare = "ready"
        self.stage.spare_ready(self.stage.lasts_s)
        self._forget_a_session_that_was_left()

    @precondition(lambda self: bool(self.stage.spare))
    @rule()
    def next_session_is_lost(self) -> None:
        self.stage.spare = ""
        self.stage.spare_lost()

    @rule()
    def caller_says_nonsense(self) -> None:
        self.stage.caller(BadMessage("nonsense"))

    # The model.

    @rule()
    def speech_started(self) -> None:
        self.stage.speech_started()

    @rule(seconds=st.sampled_from((0.0, 0.5)))
    def speech_stopped(self, seconds: float) -> None:
        self.stage.committed(f"u{self.items}")
        self.stage.talk(seconds)
        self.stage.speech_stopped()

    @precondition(lambda self: self.stage.active is None)
    @rule(says=st.booleans())
    def created(self, says: bool) -> None:
        self.responses += 1
        self.listed = []
        self.stage.created(f"r{self.responses}")
        if says:
            self._new_item()
            self.stage.delta(1000, self.item, self.stage.active or "")

    @precondition(lambda self: self.stage.active is None)
    @rule(ending=st.sampled_from(("nothing", "call", "refusal")))
    def a_whole_turn(self, ending: str) -> None:
        """In the order of a real model, which single events seldom make up."""
        self.stage.speech_started()
        self.stage.committed(f"w{self.responses}")
        self.stage.speech_stopped()
        self.created(says=False)
        response = self._here
        if ending != "nothing":
            self.stage.model(
                ArgumentsDone(response, "item_same", "same", "look_up", "{}")
            )
        output = () if ending == "nothing" else (called("same"),)
        self.stage.model(ResponseDone(Response(response, "completed", output=output)))
        if ending != "refusal" or not self.stage.running:
            return
        self.stage.tool_finished(self.stage.running.pop())
        if self.stage.unanswered and self.stage.active is None:
            self.created(says=True)
            self.stage.error("conversation_already_has_active_response")
            self.stage.done(self._here)
            self.stage.advance(2)
            self.stage.stays_mute()

    @precondition(lambda self: self.stage.active is not None)
    @rule(announced=st.booleans(), says=st.booleans())
    def next_item(self, announced: bool, says: bool) -> None:
        self._new_item()
        response = self._here
        if announced:
            self.stage.announce(self.item, response)
        if says:
            self.stage.delta(250, self.item, response)

    @precondition(
        lambda self: self.stage.active is not None and self._item_is_of_this_session
    )
    @rule(ms=MS)
    def delta(self, ms: float) -> None:
        self.stage.delta(ms, self.item, self.stage.item_of.get(self.item, self._here))

    @precondition(lambda self: self._item_is_of_this_session)
    @rule(text=st.sampled_from(("one ", "two three ")))
    def words(self, text: str) -> None:
        response = self.stage.item_of.get(self.item, self._here)
        self.stage.model(TranscriptDelta(response, self.item, text))

    @precondition(lambda self: self._item_is_of_this_session)
    @rule()
    def audio_done(self) -> None:
        self.stage.audio_done(self.item)

    @precondition(lambda self: self.stage.active is not None)
    @rule(name=TOOLS, twice=st.booleans())
    def calls_a_tool(self, name: str, twice: bool) -> None:
        self.calls += 1
        call_id = f"c{self.calls}"
        self.listed.append(call_id)
        self.stage.function_call(call_id, name, self._here)
        if twice:
            self.stage.model(OutputItemDone(called(call_id, name), self._here))

    @precondition(lambda self: self.stage.active is not None)
    @rule(status=STATUSES, lists=st.booleans())
    def done(self, status: str, lists: bool) -> None:
        output: list[Item] = [called(call_id) for call_id in self.listed if lists]
        if self.item and self.stage.item_of.get(self.item) == self._here:
            output.append(spoken(self.item, "one two three"))
        self.stage.done(self._here, status, *output)
        self.listed = []

    @precondition(lambda self: bool(self.stage.running))
    @rule(ok=st.booleans(), data=st.data())
    def tool_answers(self, ok: bool, data: st.DataObject) -> None:
        call_id = data.draw(st.sampled_from(self.stage.running))
        self.stage.running.remove(call_id)
        self.stage.tool_finished(call_id, ok=ok, silent=data.draw(st.booleans()))

    @precondition(lambda self: self.stage.active is not None)
    @rule(name=TOOLS, arguments=st.sampled_from(("", "{", "{}", '{"a": 1}')))
    def calls_with_an_id_that_is_used_again(self, name: str, arguments: str) -> None:
        self.calls += 1
        self.listed.append("same")
        self.stage.model(
            ArgumentsDone(self._here, "item_same", "same", name, arguments)
        )

    @precondition(lambda self: self.stage.active is not None)
    @rule(whole=st.booleans(), name=TOOLS)
    def a_call_item_ends(self, whole: bool, name: str) -> None:
        item = called("same", name, status="completed" if whole else "incomplete")
        self.stage.model(OutputItemDone(item, self._here))

    @precondition(lambda self: self.stage.active is not None)
    @rule(reason=st.sampled_from(("max_output_tokens", "content_filter")))
    def is_incomplete(self, reason: str) -> None:
        self.stage.model(ResponseDone(Response(self._here, "incomplete", reason)))
        self.listed = []

    @precondition(lambda self: self.stage.active is not None)
    @rule(known=st.booleans())
    def answers_as_text(self, known: bool) -> None:
        part = ContentPart("output_text", text="Good morning.")
        item = Item(f"t{self.responses}", "message", "assistant", None, (part,))
        listed = (item, Item(), Item("", "message"))
        response = self._here if known else ""
        self.stage.model(
            ResponseDone(Response(response or self._here, "completed", output=listed))
        )
        self.listed = []

    @rule(
        kind=st.sampled_from(("in_progress", "completed", "failed")),
        item=st.sampled_from(("m1", "m2")),
    )
    def a_remote_tool_goes_on(self, kind: str, item: str) -> None:
        self.stage.model(McpProgress(f"response.mcp_call.{kind}", item))

    @rule(ours=st.booleans())
    def works_on_something(self, ours: bool) -> None:
        self.stage.model(
            UnknownEvent("response.reasoning.delta", self._here if ours else "")
        )

    @rule()
    def a_turn_is_committed_unannounced(self) -> None:
        self.stage.committed(f"v{self.items}")

    @rule(seconds=st.sampled_from((0.4, 1.2)))
    def caller_really_speaks(self, seconds: float) -> None:
        speak(self.stage, seconds)

    @rule()
    def the_model_stays_mute(self) -> None:
        self.stage.stays_mute()

    @rule(code=CODES)
    def error(self, code: str) -> None:
        self.stage.error(code)

    @rule()
    def a_turn_is_transcribed(self) -> None:
        self.stage.caller_said(f"u{self.items}", "words")

    # Illegal.

    @rule()
    def done_of_a_response_that_was_never_created(self) -> None:
        self.responses += 1
        self.stage.done(f"r{self.responses}", "cancelled")

    @precondition(lambda self: self.stage.active is None)
    @rule(ms=MS)
    def delta_of_a_response_that_was_never_created(self, ms: float) -> None:
        self.responses += 1
        self.listed = []
        self._new_item()
        self.stage.delta(ms, self.item, f"r{self.responses}")

    @precondition(lambda self: self._item_is_of_this_session)
    @rule()
    def late_delta(self) -> None:
        self.stage.delta(100, self.item, self.stage.item_of.get(self.item, self._here))

    @precondition(lambda self: self.calls > 0)
    @rule()
    def a_tool_answers_again(self) -> None:
        self.stage.tool_finished(f"c{self.calls}" if not self.stage.running else "none")

    @precondition(lambda self: self.responses > 0)
    @rule(status=STATUSES)
    def done_again(self, status: str) -> None:
        if f"r{self.responses}" in self.stage.gone:
            self.stage.done(f"r{self.responses}", status)

    @rule()
    def an_item_out_of_nowhere(self) -> None:
        self.stage.model(ItemAdded(Item(f"u{self.items + 1}", "message", "user")))

    @rule()
    def nonsense(self) -> None:
        self.stage.model(BadMessage("nonsense"))

    @override
    def teardown(self) -> None:
        """A turn that is owed ends, in the end, although the model says nothing more."""
        if not hasattr(self, "stage"):
            return
        self.stage.stays_mute()
        self.stage.model_ready()
        self.stage.speech_stopped()
        for _ in range(60):
            for call_id in self.stage.running:
                self.stage.tool_finished(call_id, ok=False)
            self.stage.running.clear()
            if self.stage.down and not self.stage.over():
                self.stage.model_ready()
            self.stage.advance(5)
        assert self.stage.over(), "the model owes a turn, and nothing happens"
        self.stage.recorded.must_replay()
        Recorded.calls.clear()

    def _forget_a_session_that_was_left(self) -> None:
        if self.item in self.stage.foreign:
            self.item = ""
            self.listed = []

    @property
    def _item_is_of_this_session(self) -> bool:
        """What one session says of another's items is beyond what is judged."""
        return bool(self.item) and self.item not in self.stage.foreign

    @property
    def _here(self) -> str:
        return self.stage.active or f"r{self.responses}"

    def _new_item(self) -> None:
        self.items += 1
        self.item = f"i{self.items}"


@pytest.mark.parametrize(
    ("audio_format", "barge_in"),
    [("pcmu", True), ("pcmu", False), ("pcma", True), ("pcm", True)],
)
def test_any_order_of_events_keeps_the_rules(
    audio_format: AudioFormat, barge_in: bool
) -> None:
    class ThisCall(Call):
        FORMAT = audio_format
        BARGE_IN = barge_in

    run_state_machine_as_test(
        ThisCall,
        settings=settings(
            max_examples=CONVERSATIONS,
            stateful_step_count=25,
            # The same calls each time; a profile of a developer's looks further.
            derandomize=settings().derandomize or not EXPLORE,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
