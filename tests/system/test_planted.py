"""A test of the tests: over real sockets, each planted fault makes one of them fail."""

import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
import trio
from trio.testing import MockClock
from websockets.exceptions import ConnectionClosed

from tests.planted import FAULTS

from . import test_apology as apology
from . import test_bad_apples as apples
from . import test_barge_in_unannounced as unannounced
from . import test_goodbyes as goodbyes
from . import test_goodbyes_heard as heard
from . import test_hold_sound as hold
from . import test_remote_results as mcp
from . import test_signs_of_life as signs
from . import test_silent_caller as silent
from . import test_small_silences as small
from . import test_turns_judged as turns
from .kit import Crashed

Check = Callable[..., Awaitable[None]]

# By the test's clock: what never comes is not waited for.
LONGEST_S = 120

_refused = partial(
    turns.test_a_refused_ask_is_asked_again_after_the_response_that_was_in_its_way,
    code=turns.ACTIVE,
)
_empty = turns.test_an_empty_answer_is_asked_for_again_at_once_with_its_words
_ladder = signs.test_the_ladder_is_an_ask_then_another_session_then_an_end_in_words

# One test for each: the first that shows what the fault means to a caller.
NOTICED_BY: Mapping[str, Check] = {
    "a refusal is forgotten": partial(_refused, first="refusal"),
    "a refusal counts before created alone": partial(_refused, first="created"),
    "a refusal counts after created alone": partial(_refused, first="refusal"),
    "a refusal is known by its code alone": partial(
        _refused, first="refusal", code=None
    ),
    "the words of an ask are lost": _empty,
    "the first audio settles a turn": (
        turns.test_an_answer_that_stalls_after_its_first_sound_is_asked_to_go_on
    ),
    "an end settles a turn though nothing was audible": _empty,
    "an answer that came to nothing waits for dead air": _empty,
    "the first empty answer ends the call": _empty,
    "a mute answer that was cut is asked for without end": (
        turns.test_the_token_limit_before_the_first_sound_is_asked_about_once
    ),
    "a withheld answer is not asked for": (
        turns.test_a_withheld_answer_is_replaced_by_one_sentence_that_says_so
    ),
    "text is taken for an empty answer": (
        turns.test_an_answer_of_text_only_is_deleted_and_asked_for_as_audio
    ),
    "there are no signs of life": (
        signs.test_arguments_that_stream_for_ten_seconds_are_not_cancelled
    ),
    "a thought may last for ever": (
        signs.test_a_thought_without_end_is_cancelled_after_the_longest
    ),
    "the ladder starts anew with each session": _ladder,
    "dead air leads to nothing": _ladder,
    "speech without an end excuses for ever": (
        signs.test_speech_that_the_vad_never_ends_is_no_excuse_if_nobody_is_heard
    ),
    "a deaf session is not noticed": (
        silent.test_a_session_that_is_deaf_is_asked_then_replaced_then_given_up
    ),
    "a silent caller is never asked": (
        silent.test_a_silent_caller_is_asked_twice_and_then_let_go
    ),
    "frames of silence are a caller": (
        silent.test_silence_is_no_caller_for_the_idle_limit_and_speech_is
    ),
    "a failure is not retried": (
        turns.test_an_error_that_ends_a_response_without_its_end_is_retried
    ),
    "a retry does not wait as long as it is told": partial(
        turns.test_a_retry_waits_as_long_as_it_is_told_and_ten_seconds_at_most,
        named="3s",
    ),
    "an error event ends no response": (
        turns.test_an_error_that_ends_a_response_without_its_end_is_retried
    ),
    "a cancelled response is awaited for ever": (
        signs.test_a_cancelled_response_without_an_end_counts_as_gone_after_two_seconds
    ),
    "keys wait for the delay of a failed answer": (
        small.test_keys_do_not_wait_for_the_delay_of_a_failed_answer
    ),
    "an id is one call for ever": (
        apples.test_one_call_id_for_ever_is_a_call_in_every_response
    ),
    "half calls run": (
        apples.test_a_call_that_is_cut_before_its_arguments_does_not_run
    ),
    "tools go round without a word": (
        apples.test_endless_tools_are_told_to_speak_after_eight_rounds
    ),
    "a silent tool is talked about": (
        goodbyes.test_a_tool_about_which_nothing_is_to_be_said_is_not_talked_about
    ),
    "a remote result is never asked about": partial(
        mcp.test_a_remote_result_is_asked_about_within_a_second,
        order="after it",
        how="completed",
    ),
    "a remote tool excuses nothing": (
        mcp.test_a_slow_remote_tool_is_not_nudged_while_it_runs
    ),
    "an approval is left open": (
        mcp.test_an_approval_is_refused_and_the_model_answers_without_it
    ),
    "a goodbye is bounded by its playing time": (
        goodbyes.test_a_goodbye_of_eighteen_seconds_is_heard_to_its_end
    ),
    "the way to the ear takes no time": partial(
        heard.test_a_goodbye_is_heard_to_its_last_sample, ms=300
    ),
    "a hangup does not wait for the other calls": (
        goodbyes.test_a_hangup_waits_for_the_booking_that_runs_beside_it
    ),
    "a hangup has no farewell": (
        goodbyes.test_a_hangup_without_a_word_asks_for_a_farewell_first
    ),
    "a caller who goes on is hung up on": (
        goodbyes.test_a_caller_who_goes_on_half_a_second_later_is_not_cut
    ),
    "a hangup is cancelled without end": (
        goodbyes.test_a_caller_who_always_goes_on_is_hung_up_on_the_third_time
    ),
    "a transfer waits for a caller who does not stop": (
        goodbyes.test_a_transfer_whose_caller_does_not_stop_is_cancelled_after_two_seconds
    ),
    "call control is known by two names alone": partial(
        goodbyes.test_an_operator_s_own_hangup_waits_too, name="close_the_line"
    ),
    "a transfer's success is believed": (
        goodbyes.test_a_transfer_whose_caller_speaks_on_has_not_happened
    ),
    "what Asterisk ends before avr-ami answers was the caller": partial(
        goodbyes.test_asterisk_may_be_faster_than_the_answer_of_avr_ami,
        name="transfer",
        outcome="transferred",
    ),
    "a fatal error after the hangup is a failure": (
        goodbyes.test_a_fatal_error_after_the_hangup_is_no_failure_of_the_call
    ),
    "nobody is handed to a human": apology.test_the_caller_is_handed_to_a_human,
    "early keys lose their pauses": (
        small.test_keys_before_the_session_keep_their_pauses_and_lose_no_welcome
    ),
    "a key loses the welcome": (
        small.test_a_key_while_the_session_is_set_up_loses_no_welcome
    ),
    "empty audio fills the ring": (
        small.test_empty_audio_fills_nothing_and_is_no_caller
    ),
    "audio that a missing model cannot take is a flood": (
        small.test_audio_that_a_missing_model_cannot_take_is_not_called_a_flood
    ),
    "an interrupted response is heard on": (
        unannounced.test_what_still_comes_of_an_interrupted_answer_is_not_heard
    ),
    "a turn without speech_started is no barge-in": partial(
        unannounced.test_a_turn_that_nobody_announced_is_a_barge_in,
        sign="committed turn",
    ),
    "an overflow is cut at what was sent": (
        unannounced.test_an_overflow_is_cut_at_what_was_heard
    ),
    "an item has one audio part": (
        unannounced.test_an_item_of_two_parts_is_cut_part_by_part
    ),
    "one answer is cut for each arrival": partial(
        unannounced.test_the_bound_of_what_waits_holds_for_one_arrival_of_any_length,
        first_ms=2900,
    ),
    "the latency without barge-in is that of old audio": (
        small.test_the_latency_of_a_call_without_barge_in_is_that_of_the_answer
    ),
    "words that nobody heard are sent on": partial(
        small.test_the_words_of_an_answer_that_nobody_heard_are_not_sent_on, key="1#"
    ),
    "nobody is told aloud": apology.test_a_call_that_never_had_a_model_hears_it_too,
    "nobody hears that a connection is awaited": (
        hold.test_it_plays_after_two_seconds_without_a_connection
    ),
    "the hold sound does not stop": (hold.test_it_is_gone_as_soon_as_a_key_is_pressed),
    "the hold sound is sent far ahead": (
        hold.test_it_plays_after_two_seconds_without_a_connection
    ),
    "one bad item voids its response": partial(
        apples.test_an_item_that_cannot_be_read_leaves_its_response_and_the_others,
        apple=5,
    ),
    "a dispensable event of an odd shape is a fault": (
        apples.test_dispensable_events_of_an_odd_shape_cost_no_session
    ),
}


def leaves(exc: BaseException) -> Iterator[BaseException]:
    """Every exception of a group, however deep."""
    if isinstance(exc, BaseExceptionGroup):
        for each in cast("BaseExceptionGroup[BaseException]", exc).exceptions:
            yield from leaves(each)
    else:
        yield exc


@pytest.mark.parametrize("name", FAULTS)
async def test_a_planted_fault_is_noticed_over_real_sockets(
    swift_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    check = NOTICED_BY[name]
    given: dict[str, Any] = {"swift_clock": swift_clock}
    if "tmp_path" in inspect.signature(check).parameters:
        given["tmp_path"] = tmp_path
    FAULTS[name].plant(monkeypatch)
    with pytest.raises(Exception) as noticed:  # noqa: PT011  # of many kinds, below
        with trio.fail_after(LONGEST_S):
            await check(**given)
    found = [*leaves(noticed.value)]
    # A fault that crashes shows nothing.
    assert not any(isinstance(each, Crashed) for each in found), found
    ways = (
        AssertionError,
        ConnectionClosed,
        LookupError,
        ValueError,
        trio.TooSlowError,
    )
    assert all(isinstance(each, ways) for each in found), found
