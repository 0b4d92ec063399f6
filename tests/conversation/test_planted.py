# It reaches into the parts: that is what planting is.
# pyright: basic, reportPrivateUsage=false, reportArgumentType=false
"""A test of the tests: faults that are planted one by one, each of which must be noticed.

A fault is a rule or part that behaves as it once did, or as one might write it. It is
tried against tests of its subject, the cheap way; those that only an unusual order of
events shows are tried against the state machine too.
"""

from collections.abc import Callable
from typing import Any

import pytest
from attrs import frozen
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from trio_sts.conversation.parts import caller_silence, goodbye, playout, toolcalls
from trio_sts.conversation.parts.caller_speech import CallerSpeech
from trio_sts.conversation.parts.ear import Ear
from trio_sts.conversation.parts.failures import Retries
from trio_sts.conversation.parts.hold_sound import HoldSound
from trio_sts.conversation.parts.mcp import McpCalls
from trio_sts.conversation.parts.owed_turn import OwedTurn, Remedy
from trio_sts.conversation.parts.quarantine import Quarantine
from trio_sts.conversation.parts.sequencer import Sequencer
from trio_sts.conversation.rules import responses

from . import test_barge_in as barge_in
from . import test_deaf_session as deaf
from . import test_failed_responses as failures
from . import test_giving_up as giving_up
from . import test_goodbye_steps as goodbyes
from . import test_hold_sound as hold
from . import test_mcp_turns as mcp
from . import test_signs_of_life as signs
from . import test_tool_turns as tools
from . import test_turn_end as ends
from . import test_unannounced_speech as unannounced
from . import test_waiting_answers as waiting
from .test_machine import Call


@frozen
class Plant:
    """One fault: what is replaced by what, and tests of which one must notice."""

    name: str
    where: Any
    what: str
    by: Any
    tests: tuple[Callable[[], None], ...]
    machine: bool = False


def _nothing(*_: object, **__: object) -> None:
    """The part forgets what it was told."""


def _never(*_: object, **__: object) -> bool:
    return False


def _settles_by_audio_alone(turn: OwedTurn) -> None:
    turn.answered = True
    turn.settle()


def _once_per_conversation(calls: Any, event: Any, *, final: bool) -> Any:
    known = any(call.call_id == event.call_id for call in calls._seen.values())
    return None if known else _announced(calls, event, final=final)


_announced = toolcalls.ToolCalls.announced


def _half_calls_run(calls: Any, event: Any, *, final: bool) -> Any:
    return _announced(calls, event, final=True)


def _refused_before_created_only(sequencer: Sequencer) -> None:
    if sequencer.asked:
        sequencer.asked = False
        sequencer.wanted = True
        sequencer._unseen_active = sequencer.active is None


def _refused_after_created_only(sequencer: Sequencer) -> None:
    sequencer.asked = False
    if sequencer._may_be_refused:
        sequencer.wanted = True


def _cut_one(part: playout.Playout, arriving: str) -> list[str]:
    if part.queued_ms < part.max_ms:
        return []
    oldest = part._queue[0][0].response_id
    for track in part.live_of(oldest):
        track.closed = track.complete = track.shortened = True
    part._unsettled = True
    if oldest != arriving:
        part._throw_away(oldest)
    return [oldest]


def _empty_once(turn: OwedTurn) -> Remedy:
    return Remedy.GIVE_UP


def _position_is_lost(turn: OwedTurn) -> None:
    turn.owed = turn.by_ear = False
    turn._step = 0
    turn._stop_clocks()


def _bounded_by_playing_time(part: Any, drained_at: float, **given: Any) -> float:
    whole: float = _run_at(part, drained_at, **given)
    return min(whole, float(part._started_at + part.timeout_s))


_run_at: Any = goodbye.Goodbye._run_at
_finished = toolcalls.ToolCalls.finished


def _words_are_lost(sequencer: Sequencer, *, not_before: float = 0) -> None:
    sequencer.asked = False
    sequencer.want(None)


def _silent_is_not_known(
    calls: Any, key: str, output: str, now: float, *, owes_answer: bool = True
) -> Any:
    return _finished(calls, key, output, now)


PLANTED = [
    Plant(
        "a refusal is forgotten",
        Sequencer,
        "refused",
        _nothing,
        (lambda: failures.test_a_refused_want_stands_in_both_orders("created", True),),
        machine=True,
    ),
    Plant(
        "a refusal counts before created alone",
        Sequencer,
        "refused",
        _refused_before_created_only,
        (lambda: failures.test_a_refused_want_stands_in_both_orders("created", True),),
    ),
    Plant(
        "a refusal counts after created alone",
        Sequencer,
        "refused",
        _refused_after_created_only,
        (lambda: failures.test_a_refused_want_stands_in_both_orders("refusal", True),),
    ),
    Plant(
        "a refusal is known by its code alone",
        responses,
        "says_active",
        lambda e: e.code == "conversation_already_has_active_response",
        (lambda: failures.test_a_refused_want_stands_in_both_orders("refusal", False),),
    ),
    Plant(
        "the words of an ask are lost",
        Sequencer,
        "again",
        _words_are_lost,
        (
            lambda: (
                ends.test_the_words_of_an_ask_are_asked_again_until_something_was_audible(
                    "failed"
                )
            ),
        ),
    ),
    Plant(
        "the first audio settles a turn",
        OwedTurn,
        "audible",
        _settles_by_audio_alone,
        (signs.test_audio_that_began_and_stalls_is_asked_to_go_on,),
    ),
    Plant(
        "an end settles a turn though nothing was audible",
        responses,
        "_came_to_something",
        lambda *_: True,
        (ends.test_an_empty_answer_is_asked_for_again_at_once,),
        machine=True,
    ),
    Plant(
        "an answer that came to nothing waits for dead air",
        responses,
        "_came_to_nothing",
        _nothing,
        (ends.test_an_empty_answer_is_asked_for_again_at_once,),
        machine=True,
    ),
    Plant(
        "the first empty answer ends the call",
        OwedTurn,
        "came_to_nothing",
        _empty_once,
        (ends.test_the_third_empty_one_is_another_session_and_its_third_the_end,),
    ),
    Plant(
        "a mute answer that was cut is asked for without end",
        OwedTurn,
        "first_cut_by_limit",
        lambda _: True,
        (ends.test_a_mute_answer_that_was_cut_by_the_limit_is_asked_for_once_at_once,),
    ),
    Plant(
        "a withheld answer is not asked for",
        OwedTurn,
        "first_withheld",
        _never,
        (ends.test_a_withheld_answer_is_asked_for_once_as_one_sentence,),
    ),
    Plant(
        "text is taken for an empty answer",
        responses,
        "_is_text_only",
        _never,
        (ends.test_an_answer_as_text_is_deleted_and_audio_is_asked_for,),
    ),
    Plant(
        "there are no signs of life",
        OwedTurn,
        "sign_of_life",
        _nothing,
        (signs.test_arguments_that_stream_for_20_s_are_not_cancelled,),
    ),
    Plant(
        "the ladder starts anew with each session",
        OwedTurn,
        "settle",
        _position_is_lost,
        (signs.test_a_drop_between_the_steps_does_not_reset_the_ladder,),
    ),
    Plant(
        "dead air leads to nothing",
        OwedTurn,
        "take_remedy",
        _nothing,
        (signs.test_the_ladder_goes_on_in_the_new_session,),
        machine=True,
    ),
    Plant(
        "speech without an end excuses for ever",
        CallerSpeech,
        "excuses_until",
        lambda part, _: float("inf") if part.active else float("-inf"),
        (signs.test_speech_that_the_vad_never_ends_excuses_nothing_if_nobody_is_heard,),
    ),
    Plant(
        "a deaf session is not noticed",
        Ear,
        "_hear_speech",
        _nothing,
        (deaf.test_a_session_that_does_not_hear_the_caller_is_asked_then_replaced,),
    ),
    Plant(
        "a silent caller is never asked",
        caller_silence.CallerSilence,
        "watch",
        _nothing,
        (lambda: deaf.test_a_silent_caller_is_asked_twice_and_let_go(False),),
    ),
    Plant(
        "an id is one call for ever",
        toolcalls.ToolCalls,
        "announced",
        _once_per_conversation,
        (tools.test_one_id_for_ever_is_another_call_in_each_response,),
        machine=True,
    ),
    Plant(
        "half calls run",
        toolcalls.ToolCalls,
        "announced",
        _half_calls_run,
        (lambda: tools.test_a_half_call_waits_for_the_end_of_its_item('{"a": '),),
    ),
    Plant(
        "tools go round without a word",
        toolcalls.ToolCalls,
        "one_more_silent_round",
        lambda _: [],
        (tools.test_after_8_rounds_without_a_word_the_next_may_not_call,),
    ),
    Plant(
        "a silent tool is talked about",
        toolcalls.ToolCalls,
        "finished",
        _silent_is_not_known,
        (tools.test_a_silent_tool_is_told_and_nothing_is_asked_for,),
    ),
    Plant(
        "a remote result is never asked about",
        McpCalls,
        "take",
        _never,
        (
            lambda: (
                mcp.test_a_result_after_the_end_of_its_response_is_asked_about_after_1_s(
                    mcp.ENDS[0]
                )
            ),
        ),
    ),
    Plant(
        "a remote tool excuses nothing",
        McpCalls,
        "started",
        _never,
        (mcp.test_two_calls_are_asked_about_once_both_have_ended,),
    ),
    Plant(
        "a goodbye is bounded by its playing time",
        goodbye.Goodbye,
        "_run_at",
        _bounded_by_playing_time,
        (lambda: goodbyes.test_a_long_goodbye_is_heard_to_its_end(18),),
    ),
    Plant(
        "a hangup does not wait for the other calls",
        toolcalls.ToolCalls,
        "others_answered",
        lambda *_: True,
        (goodbyes.test_the_other_calls_of_the_response_answer_first,),
    ),
    Plant(
        "a hangup has no farewell",
        goodbye.Goodbye,
        "farewell_asked",
        property(lambda _: True),
        (goodbyes.test_a_hangup_without_a_word_asks_for_one_farewell,),
    ),
    Plant(
        "a caller who goes on is hung up on",
        goodbye.Goodbye,
        "speech_started",
        _nothing,
        (
            lambda: goodbyes.test_a_caller_who_goes_on_within_the_grace_keeps_the_line(
                "speech"
            ),
        ),
    ),
    Plant(
        "a transfer's success is believed",
        goodbye.Goodbye,
        "has_failed",
        _never,
        (goodbyes.test_a_caller_who_is_heard_after_5_s_was_not_transferred,),
    ),
    Plant(
        "a failure is not retried",
        Retries,
        "next_delay_s",
        _nothing,
        (
            lambda: failures.test_an_error_event_alone_ends_the_active_response(
                "server_error", 0
            ),
        ),
    ),
    Plant(
        "an error event ends no response",
        responses,
        "_fail_active",
        _nothing,
        (
            lambda: failures.test_an_error_event_alone_ends_the_active_response(
                "server_error", 0
            ),
        ),
    ),
    Plant(
        "a cancelled response is awaited for ever",
        Sequencer,
        "cancelled",
        _nothing,
        (unannounced.test_the_quarantine_ends_after_2_s_without_a_done,),
    ),
    Plant(
        "an interrupted response is heard on",
        Quarantine,
        "add",
        _nothing,
        (
            barge_in.test_a_response_without_audio_yet_is_not_heard_after_the_caller_spoke,
        ),
    ),
    Plant(
        "a turn without speech_started is no barge-in",
        CallerSpeech,
        "committed",
        lambda _: True,
        (
            lambda: unannounced.test_a_turn_or_a_response_of_the_vads_is_a_barge_in(
                "committed"
            ),
        ),
    ),
    Plant(
        "one answer is cut for each arrival",
        playout.Playout,
        "overflow",
        _cut_one,
        (waiting.test_what_waits_is_bounded_though_it_is_of_many_short_answers,),
    ),
    Plant(
        "nobody is told aloud",
        playout.Playout,
        "announce",
        _nothing,
        (giving_up.test_the_apology_is_heard_whole_before_the_call_ends,),
    ),
    Plant(
        "the hold sound does not stop",
        HoldSound,
        "stop",
        _nothing,
        (lambda: hold.test_it_is_gone_within_100_ms_when_anybody_speaks("vad"),),
    ),
]


def notices(check: Callable[[], None]) -> bool:
    """Whether a test fails."""
    try:
        check()
    except (AssertionError, ValueError, IndexError, KeyError):
        return True
    return False


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.name)
def test_a_planted_fault_is_noticed(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not any(notices(check) for check in plant.tests), "the test fails as it is"
    monkeypatch.setattr(plant.where, plant.what, plant.by)
    assert any(notices(check) for check in plant.tests)


def run_machine() -> None:
    run_state_machine_as_test(
        Call,
        settings=settings(
            max_examples=300,
            stateful_step_count=25,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=[*HealthCheck],
        ),
    )


def test_the_state_machine_notices_nothing_where_nothing_is_planted() -> None:
    run_machine()


@pytest.mark.parametrize(
    "plant", [p for p in PLANTED if p.machine], ids=lambda plant: plant.name
)
def test_the_state_machine_notices_it_by_itself(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plant.where, plant.what, plant.by)
    with pytest.raises(AssertionError):
        run_machine()
