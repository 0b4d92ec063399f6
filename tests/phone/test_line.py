"""The time line without a socket: the queue, who spoke when, what was an answer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.phone.fakes import silence, tone
from trio_sts.phone.line import Line, loudness
from trio_sts.phone.playback import MAX_QUEUED_FRAMES, Playback

LOUD = tone(1)
QUIET = silence(1)

Act = tuple[str, int]
acts = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.integers(0, 1000)),
        st.tuples(st.just("play"), st.just(0)),
        st.tuples(st.just("flush"), st.just(0)),
    ),
    max_size=60,
)


@settings(deadline=None)
@given(acts)
def test_every_frame_is_played_flushed_or_still_queued(script: list[Act]) -> None:
    playback, waiting = Playback(), list[bytes]()
    for act, count in script:
        if act == "push":
            pcm = bytes(index % 251 + 1 for index in range(2 * count))
            playback.push(pcm)
            frames = [pcm[at : at + 320] for at in range(0, len(pcm), 320)]
            waiting += [frame.ljust(320, b"\0") for frame in frames]
        elif act == "play":
            assert playback.play() == (waiting.pop(0) if waiting else None)
        else:
            assert playback.flush() == len(waiting)
            waiting.clear()
        assert playback.queued == len(waiting)
        known = playback.played + playback.flushed + playback.dropped + len(waiting)
        assert playback.received == known


def test_a_service_that_never_stops_fills_ten_minutes_and_no_more() -> None:
    playback = Playback()
    for _ in range(MAX_QUEUED_FRAMES + 5):
        playback.push(LOUD)
    assert playback.queued == MAX_QUEUED_FRAMES
    assert playback.dropped == 5


def test_a_stutter_is_a_gap_and_a_pause_is_none() -> None:
    playback = Playback()
    for frames, dry in [(3, 2), (1, 9), (1, 10), (2, 50)]:
        for _ in range(frames):
            playback.push(LOUD)
        for _ in range(frames + dry):
            playback.play()
    assert playback.gaps == 2


def test_silence_after_an_interruption_is_no_stutter() -> None:
    playback = Playback()
    playback.push(LOUD)
    playback.play()
    playback.flush()
    playback.play()
    playback.push(LOUD)
    playback.play()
    assert playback.gaps == 0


@pytest.mark.parametrize("odd", [b"", LOUD[:318], LOUD + LOUD, LOUD[:2]])
def test_a_message_that_is_no_frame_is_a_fault_of_the_service(odd: bytes) -> None:
    playback = Playback()
    playback.push(LOUD)
    playback.push(odd)
    assert playback.odd == 1


def test_loudness_is_the_root_mean_square() -> None:
    assert loudness(b"\x00\x80" * 4) == 32768
    assert loudness(b"\xe8\x03\x18\xfc") == 1000
    assert loudness(b"") == 0


def pass_slots(line: Line, frames: str) -> None:
    """Let a slot go by for each letter: the agent is loud (A), or quiet (.)."""
    for letter in frames:
        if letter == "A":
            line.playback.push(LOUD)
        line.tick(QUIET)


def turn_of(line: Line, frames: int) -> None:
    line.begin_turn("voice")
    pass_slots(line, "." * (frames - 1))
    line.end_turn()
    pass_slots(line, ".")


def test_the_first_speech_heard_after_a_turn_is_its_answer() -> None:
    line = Line()
    turn_of(line, 5)
    pass_slots(line, "....AAA")
    (turn,) = line.turns
    assert (turn.start_slot, turn.end_slot, turn.answer_slot) == (0, 4, 9)
    assert turn.latency_ms == 100
    assert not turn.over_agent


def test_speech_that_goes_on_from_before_the_turn_is_no_answer() -> None:
    line = Line()
    pass_slots(line, "AAA")
    line.begin_turn("voice")
    pass_slots(line, "AA")
    line.end_turn()
    pass_slots(line, "AAAAA.....AA")
    (turn,) = line.turns
    assert turn.over_agent
    # A breath of 100 ms does not make it one either.
    assert turn.answer_slot is None
    pass_slots(line, "." * 10 + "A")
    assert turn.answer_slot == 3 + 2 + 12 + 10


def test_an_answer_into_a_pause_that_goes_on_has_no_latency() -> None:
    line = Line()
    line.begin_turn("voice")
    pass_slots(line, "...AA")
    line.end_turn()
    pass_slots(line, "AAA")
    (turn,) = line.turns
    assert turn.answer_slot == 3
    assert turn.latency_ms == 0


def test_an_answer_into_a_pause_that_is_thrown_away_was_none() -> None:
    line = Line()
    line.begin_turn("voice")
    pass_slots(line, "...AA")
    line.end_turn()
    pass_slots(line, "AA")
    line.interrupt()
    (turn,) = line.turns
    assert turn.answer_slot is None
    pass_slots(line, "..AA")
    assert turn.latency_ms == (9 - 5) * 20


def test_the_agent_is_hushed_once_and_only_if_it_was_talked_over() -> None:
    line = Line()
    pass_slots(line, "AA")
    line.begin_turn("voice")
    pass_slots(line, "AAA")
    assert line.interrupt().flushed_ms == 0
    line.end_turn()
    pass_slots(line, "..")
    assert line.interrupt().flushed_ms == 0
    turn_of(line, 2)
    line.interrupt()
    talked_over, calm = line.turns
    assert talked_over.hush_ms == 60
    assert calm.hush_ms is None
    assert not calm.over_agent


def test_noise_of_the_line_is_not_speech() -> None:
    line = Line()
    for _ in range(20):
        line.playback.push(tone(1, peak=100))
        line.tick(QUIET)
    assert line.first_heard_slot is None
    assert not line.agent_speaks
    assert line.playback.played == 20
