"""Agent audio: pacing, framing, several items, and the bound of the queue."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_sts.audio.formats import AudioFormat
from trio_sts.audio.framing import FRAME_BYTES
from trio_sts.wire import avr
from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.items import Item

from .stage import Stage, called, spoken

FORMATS: tuple[AudioFormat, ...] = ("pcm", "pcmu", "pcma")


def batches_ms(stage: Stage) -> list[int]:
    return [len(audio.pcm) // 16 for audio in stage.all(avr.AgentAudio)]


def test_a_burst_is_fed_up_to_the_lead_in_batches_of_at_most_100_ms() -> None:
    stage = Stage.ready()
    stage.delta(3000)
    assert batches_ms(stage) == [100, 100, 100, 100]


def test_feeding_goes_on_in_whole_batches_on_an_absolute_clock() -> None:
    stage = Stage.ready()
    stage.answer(1000)
    stage.advance(2)
    assert stage.times(avr.AgentAudio) == [
        *[-2.0] * 4,
        *[round(-2 + 0.1 * n, 6) for n in range(1, 7)],
        # What is left: the tail of the resampler, in a frame of its own.
        -1.38,
    ]
    assert batches_ms(stage) == [*[100] * 10, 20]
    assert stage.core.gaps == [pytest.approx(1001.04)]


@pytest.mark.parametrize("lead_ms", [20, 60, 100, 400, 2000])
def test_avr_cores_queue_never_holds_more_than_the_lead(lead_ms: int) -> None:
    stage = Stage.ready(playout_lead_ms=lead_ms)
    stage.answer(5000)
    stage.advance(10)
    assert stage.core.most_queued <= lead_ms // 20
    assert stage.core.silent


@pytest.mark.parametrize("lead_ms", [40, 60, 100, 160])
def test_a_small_lead_is_refilled_before_it_has_run_out(lead_ms: int) -> None:
    stage = Stage.ready(playout_lead_ms=lead_ms)
    stage.answer(2000)
    for _ in range(100):
        stage.advance(stage.conversation.deadline - stage.now - 1e-4)
        stage.stall(0.0051)
        stage.tick()
        if stage.core.received_ms["i1"] >= 2000:
            break
    assert stage.core.gaps == []


def test_after_a_stall_it_catches_up_to_the_lead_and_no_further() -> None:
    stage = Stage.ready()
    stage.answer(5000)
    stage.stall(2)
    stage.mark()
    stage.tick()
    assert batches_ms(stage) == [100, 100, 100, 100]
    stage.advance(0.05)
    assert stage.core.most_queued <= 20
    assert sum(batches_ms(stage)) == 400


def test_a_short_stall_does_not_move_the_clock() -> None:
    stage = Stage.ready()
    stage.answer(3000)
    stage.advance(0.05)
    stage.stall(0.3)
    stage.tick()
    stage.advance(5)
    assert stage.core.gaps == [pytest.approx(1003.04)]


def test_deltas_in_real_time_pass_at_once() -> None:
    stage = Stage.ready(audio_format="pcmu")
    for _ in range(10):
        stage.mark()
        stage.delta(100)
        assert batches_ms(stage) == [100]
        stage.advance(0.1)


def test_two_seconds_of_stream_lose_nothing_between_the_deltas() -> None:
    stage = Stage.ready()
    for _ in range(8):
        stage.delta(250)
        stage.advance(0.25)
    stage.audio_done()
    stage.advance(1)
    assert sum(batches_ms(stage)) == 2020


@pytest.mark.parametrize("audio_format", FORMATS)
def test_the_last_partial_frame_is_padded_when_the_item_ends(
    audio_format: AudioFormat,
) -> None:
    stage = Stage.ready(audio_format=audio_format)
    stage.delta(50)
    assert sum(batches_ms(stage)) == 40
    stage.audio_done()
    assert sum(batches_ms(stage)) == 60
    last = stage.all(avr.AgentAudio)[-1].pcm[-FRAME_BYTES:]
    assert any(last[:160])
    assert not any(last[-80:])


def test_response_done_alone_ends_its_items() -> None:
    stage = Stage.ready(audio_format="pcmu")
    stage.delta(50)
    stage.done()
    assert sum(batches_ms(stage)) == 60


def test_the_item_that_follows_ends_the_one_before_it() -> None:
    stage = Stage.ready(audio_format="pcmu")
    stage.delta(50, "i1")
    stage.delta(50, "i2")
    stage.advance(1)
    assert stage.core.received_ms == {"i1": 60, "i2": 40}


def test_an_item_with_a_second_part_keeps_its_last_syllable() -> None:
    stage = Stage.ready(audio_format="pcmu")
    stage.delta(50)
    stage.audio_done()
    stage.delta(50, part=1)
    stage.audio_done()
    stage.advance(1)
    assert stage.core.received_ms == {"i1": 120}


def test_several_items_of_one_response_are_played_in_order() -> None:
    stage = Stage.ready()
    stage.created()
    stage.delta(500, "i1")
    stage.delta(300, "i2")
    stage.delta(400, "i3")
    stage.done()
    stage.advance(3)
    assert stage.core.received_ms == {"i1": 520, "i2": 320, "i3": 420}
    assert list(stage.core.received_ms) == ["i1", "i2", "i3"]


def test_a_delta_needs_no_event_before_it() -> None:
    stage = Stage.ready()
    stage.delta(200, "never-announced", "never-created")
    assert sum(batches_ms(stage)) >= 180
    stage.speech_started()
    assert stage.truncated == [("never-announced", 0)]


def test_an_odd_byte_is_carried_to_the_next_delta() -> None:
    stage = Stage.ready()
    audio = stage.core.audio_of("i1", 400)
    for part in (audio[:4801], audio[4801:]):
        stage.model(events.AudioDelta("r1", "i1", part))
    stage.done()
    stage.advance(1)
    assert stage.core.received_ms == {"i1": 420}


@given(st.lists(st.integers(1, 90), min_size=1, max_size=12), st.sampled_from(FORMATS))
def test_what_avr_core_gets_does_not_depend_on_how_deltas_are_cut(
    cuts: list[int], audio_format: AudioFormat
) -> None:
    whole = Stage.ready(audio_format=audio_format)
    whole.delta(sum(cuts))
    whole.done()
    whole.advance(3)
    pieces = Stage.ready(audio_format=audio_format)
    for cut in cuts:
        pieces.delta(cut)
    pieces.done()
    pieces.advance(3)
    assert pieces.core.frames == whole.core.frames


def test_over_the_bound_the_oldest_waiting_response_is_dropped() -> None:
    stage = Stage.ready(playout_max_s=2)
    stage.created("r1")
    stage.delta(1500, "i1", "r1")
    stage.function_call("c1", response="r1")
    stage.done("r1", "completed", spoken("i1"), called("c1"))
    stage.tool_finished("c1")
    stage.created("r2")
    stage.delta(1200, "i2", "r2")
    stage.done("r2")
    assert stage.truncated == []
    stage.advance(0.5)
    assert stage.truncated == [("i1", 400)]
    stage.advance(5)
    assert stage.core.finished_ms == {"i1": 400, "i2": 1220}


def test_an_answer_over_the_bound_ends_where_the_queue_is_full() -> None:
    stage = Stage.ready(playout_max_s=2)
    stage.created()
    stage.delta(2500)
    stage.delta(1000)
    stage.done()
    assert stage.truncated == []
    stage.advance(5)
    assert stage.truncated == [("i1", 2000)]
    assert stage.core.finished_ms["i1"] == 2000


def test_one_arrival_of_any_length_is_cut_to_the_bound() -> None:
    stage = Stage.ready(playout_max_s=2)
    stage.answer(1500, "i1", "r1")
    stage.answer(60_000, "i2", "r2")
    stage.advance(5)
    assert stage.core.finished_ms["i2"] == 2000
    assert stage.core.silent


def test_an_answer_that_was_too_long_is_still_cut_where_it_is_interrupted() -> None:
    stage = Stage.ready(playout_max_s=2)
    stage.created()
    stage.words("one two three four five")
    stage.delta(2500)
    stage.delta(1000)
    stage.done("r1", "completed", spoken("i1", "one two three four five six"))
    stage.advance(0.5605)
    stage.mark()
    stage.speech_started()
    assert stage.truncated == [("i1", 500)]
    assert stage.said == [("agent", "one")]


def test_one_that_was_too_long_and_stalled_near_its_end_is_still_cut_there() -> None:
    stage = Stage.ready(playout_max_s=2)
    stage.created()
    stage.delta(2500)
    stage.done()
    stage.advance(1.2)
    stage.stall(2)
    stage.tick()
    stage.mark()
    # What was sent before the stall was heard to its end; 400 ms are left.
    stage.advance(0.2605)
    assert stage.truncated == []
    stage.speech_started()
    assert stage.truncated == [("i1", 1800)]


def test_a_late_delta_of_an_item_that_was_cut_is_dropped() -> None:
    stage = Stage.ready()
    stage.answer(3000)
    stage.speech_started()
    stage.mark()
    stage.delta(500)
    assert stage.all(avr.AgentAudio) == []


def test_audio_of_an_item_that_was_cut_is_dropped_until_64_others_came() -> None:
    stage = Stage.ready()
    stage.answer(3000, "cut", "r")
    stage.speech_started()
    stage.speech_stopped()
    heard: list[int] = []
    for n in range(64):
        stage.answer(40, f"i{n}", f"r{n}")
        stage.advance(0.5)
        stage.mark()
        stage.delta(20, "cut", "r")
        heard.append(len(stage.all(avr.AgentAudio)))
    assert heard == [*[0] * 63, 1]


def test_items_of_long_ago_are_forgotten_and_none_that_is_still_heard() -> None:
    stage = Stage.ready(audio_format="pcmu")
    stage.created("long")
    stage.delta(500, "first", "long")
    stage.advance(0.1)
    for n in range(70):
        stage.announce(f"i{n}", f"r{n}")
        stage.done(f"r{n}")
    stage.mark()
    stage.speech_started()
    assert stage.truncated == [("first", 40)]


def test_the_end_of_an_unknown_items_audio_is_nothing() -> None:
    stage = Stage.ready()
    stage.audio_done("never-seen")
    assert stage.all(object) == []


def test_an_item_of_another_kind_is_not_waited_for() -> None:
    stage = Stage.ready()
    stage.model(events.OutputItemAdded(Item("m1", "mcp_call"), "r1"))
    stage.caller_said("u1", "Hello?")
    assert stage.said == [("user", "Hello?")]


def test_the_end_of_an_item_sends_its_last_syllable() -> None:
    stage = Stage.ready(audio_format="pcmu")
    stage.delta(50)
    stage.model(events.OutputItemDone(spoken("i1"), "r1"))
    assert sum(batches_ms(stage)) == 60


def test_what_was_heard_so_far_is_told_and_asking_changes_nothing() -> None:
    stage = Stage.ready()
    stage.delta(1000, "i1", "r1")
    playout = stage.conversation.state.playout
    seen: list[float] = []
    for _ in range(16):
        stage.advance(0.1)
        seen.append(playout.heard_at("i1", stage.now))
        assert playout.heard_at("i1", stage.now) == seen[-1]
        assert playout.heard_at("another", stage.now) == 0
    assert seen == sorted(seen)
    # It is heard as it is played, 60 ms late, and to its end.
    assert seen[4] == pytest.approx(440, abs=30)
    assert seen[-1] == playout.heard_of("i1")[0] == pytest.approx(1000, abs=20)
