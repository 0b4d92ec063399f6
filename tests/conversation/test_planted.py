"""A test of the tests: each fault that is planted must be noticed by a test of its subject.

Those that only an unusual order of events shows must be noticed by the state machine,
too.
"""

from collections.abc import Callable, Generator, Mapping

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.planted import FAULTS

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
from .recorded import Recorded
from .test_machine import Call

NOTICED_BY: Mapping[str, tuple[Callable[[], None], ...]] = {
    "a refusal is forgotten": (
        lambda: failures.test_a_refused_want_stands_in_both_orders("created", True),
    ),
    "a refusal counts before created alone": (
        lambda: failures.test_a_refused_want_stands_in_both_orders("created", True),
    ),
    "a refusal counts after created alone": (
        lambda: failures.test_a_refused_want_stands_in_both_orders("refusal", True),
    ),
    "a refusal is known by its code alone": (
        lambda: failures.test_a_refused_want_stands_in_both_orders("refusal", False),
    ),
    "the words of an ask are lost": (
        lambda: (
            ends.test_the_words_of_an_ask_are_asked_again_until_something_was_audible(
                "failed"
            )
        ),
    ),
    "the first audio settles a turn": (
        signs.test_audio_that_began_and_stalls_is_asked_to_go_on,
    ),
    "an end settles a turn though nothing was audible": (
        ends.test_an_empty_answer_is_asked_for_again_at_once,
    ),
    "an answer that came to nothing waits for dead air": (
        ends.test_an_empty_answer_is_asked_for_again_at_once,
    ),
    "the first empty answer ends the call": (
        ends.test_the_third_empty_one_is_another_session_and_its_third_the_end,
    ),
    "a mute answer that was cut is asked for without end": (
        ends.test_a_mute_answer_that_was_cut_by_the_limit_is_asked_for_once_at_once,
    ),
    "a withheld answer is not asked for": (
        ends.test_a_withheld_answer_is_asked_for_once_as_one_sentence,
    ),
    "text is taken for an empty answer": (
        ends.test_an_answer_as_text_is_deleted_and_audio_is_asked_for,
    ),
    "there are no signs of life": (
        signs.test_arguments_that_stream_for_20_s_are_not_cancelled,
    ),
    "the ladder starts anew with each session": (
        signs.test_a_drop_between_the_steps_does_not_reset_the_ladder,
    ),
    "dead air leads to nothing": (signs.test_the_ladder_goes_on_in_the_new_session,),
    "speech without an end excuses for ever": (
        signs.test_speech_that_the_vad_never_ends_excuses_nothing_if_nobody_is_heard,
    ),
    "a deaf session is not noticed": (
        deaf.test_a_session_that_does_not_hear_the_caller_is_asked_then_replaced,
    ),
    "a silent caller is never asked": (
        lambda: deaf.test_a_silent_caller_is_asked_twice_and_let_go(False),
    ),
    "an id is one call for ever": (
        tools.test_one_id_for_ever_is_another_call_in_each_response,
    ),
    "half calls run": (
        lambda: tools.test_a_half_call_waits_for_the_end_of_its_item('{"a": '),
    ),
    "tools go round without a word": (
        tools.test_after_8_rounds_without_a_word_the_next_may_not_call,
    ),
    "a silent tool is talked about": (
        tools.test_a_silent_tool_is_told_and_nothing_is_asked_for,
    ),
    "a remote result is never asked about": (
        lambda: (
            mcp.test_a_result_after_the_end_of_its_response_is_asked_about_after_1_s(
                mcp.ENDS[0]
            )
        ),
    ),
    "a remote tool excuses nothing": (
        mcp.test_two_calls_are_asked_about_once_both_have_ended,
    ),
    "a goodbye is bounded by its playing time": (
        lambda: goodbyes.test_a_long_goodbye_is_heard_to_its_end(18),
    ),
    "a hangup does not wait for the other calls": (
        goodbyes.test_the_other_calls_of_the_response_answer_first,
    ),
    "a hangup has no farewell": (
        goodbyes.test_a_hangup_without_a_word_asks_for_one_farewell,
    ),
    "a caller who goes on is hung up on": (
        lambda: goodbyes.test_a_caller_who_goes_on_within_the_grace_keeps_the_line(
            "speech"
        ),
    ),
    "a transfer's success is believed": (
        goodbyes.test_a_caller_who_is_heard_after_5_s_was_not_transferred,
    ),
    "a failure is not retried": (
        lambda: failures.test_an_error_event_alone_ends_the_active_response(
            "server_error", 0
        ),
    ),
    "an error event ends no response": (
        lambda: failures.test_an_error_event_alone_ends_the_active_response(
            "server_error", 0
        ),
    ),
    "a cancelled response is awaited for ever": (
        unannounced.test_the_quarantine_ends_after_2_s_without_a_done,
    ),
    "an interrupted response is heard on": (
        barge_in.test_a_response_without_audio_yet_is_not_heard_after_the_caller_spoke,
    ),
    "a turn without speech_started is no barge-in": (
        lambda: unannounced.test_a_turn_or_a_response_of_the_vads_is_a_barge_in(
            "committed"
        ),
    ),
    "one answer is cut for each arrival": (
        waiting.test_what_waits_is_bounded_though_it_is_of_many_short_answers,
    ),
    "nobody is told aloud": (
        giving_up.test_the_apology_is_heard_whole_before_the_call_ends,
    ),
    "the hold sound does not stop": (
        lambda: hold.test_it_is_gone_within_100_ms_when_anybody_speaks("vad"),
    ),
}
# Those that only an unusual order of events shows.
MACHINE = (
    "a refusal is forgotten",
    "an end settles a turn though nothing was audible",
    "an answer that came to nothing waits for dead air",
    "dead air leads to nothing",
    "an id is one call for ever",
)


@pytest.fixture(autouse=True)
def _calls_replay() -> Generator[None]:
    """Those of a planted fault are others without it."""
    Recorded.calls.clear()
    yield
    Recorded.calls.clear()


def notices(check: Callable[[], None]) -> bool:
    """Whether a test fails."""
    try:
        check()
    except (AssertionError, ValueError, IndexError, KeyError):
        return True
    return False


@pytest.mark.parametrize("name", NOTICED_BY)
def test_a_planted_fault_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = NOTICED_BY[name]
    assert not any(notices(check) for check in checks), "the test fails as it is"
    FAULTS[name].plant(monkeypatch)
    assert any(notices(check) for check in checks)


@pytest.mark.parametrize("name", NOTICED_BY)
def test_a_change_of_a_rule_is_found_by_replaying_the_calls_of_before(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for check in NOTICED_BY[name]:
        check()
    calls = [*Recorded.calls]
    FAULTS[name].plant(monkeypatch)
    assert any(call.differs() for call in calls)


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
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )


def test_the_state_machine_notices_nothing_where_nothing_is_planted() -> None:
    run_machine()


@pytest.mark.parametrize("name", MACHINE)
def test_the_state_machine_notices_it_by_itself(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    FAULTS[name].plant(monkeypatch)
    with pytest.raises(AssertionError):
        run_machine()
