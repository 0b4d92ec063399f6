"""The part that hears the caller: how much, when, and whether the model reacted."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.labelled import Piece, utterances
from trio_sts.conversation.parts.ear import HANG_OVER_S, Ear

pytest.importorskip("espeakng_loader", reason="the extra trio-sts[demo] is missing")

FRAME = 320
PIECE: Piece = next(p for p in utterances(50, seed=6) if p.duration_s > 4.5)
BEGIN_S, END_S = (ms / 1000 for ms in PIECE.speech_ms or (0, 0))
ABOUT_S = 0.45


def play(ear: Ear, pcm: bytes, now: float, chunk: int = FRAME) -> float:
    """In real time; returns when it ended."""
    for start in range(0, len(pcm), chunk):
        part = pcm[start : start + chunk]
        now += len(part) / 16_000
        ear.hear(part, now)
    return now


def silence(seconds: float) -> bytes:
    return bytes(int(seconds * 50) * FRAME)


def test_who_never_spoke_was_never_heard() -> None:
    ear = Ear()
    now = play(ear, silence(60), 100)
    assert ear.last_speech_at == float("-inf")
    assert not ear.is_speaking(now)
    assert ear.speech_ms == ear.unanswered_ms == 0
    assert ear.unanswered_at == float("inf")


def test_speech_is_heard_where_it_is() -> None:
    ear = Ear()
    play(ear, PIECE.pcm, 100)
    assert ear.last_speech_at == pytest.approx(100 + END_S, abs=ABOUT_S)
    spoken_ms = (END_S - BEGIN_S) * 1000
    assert spoken_ms * 0.5 < ear.speech_ms < spoken_ms + ABOUT_S * 1000


def test_a_caller_speaks_until_a_while_after_the_last_word() -> None:
    ear = Ear()
    now = play(ear, PIECE.pcm, 0)
    assert ear.is_speaking(ear.last_speech_at + HANG_OVER_S)
    assert not ear.is_speaking(ear.last_speech_at + HANG_OVER_S + 0.01)
    assert not ear.is_speaking(now + 1)


def test_who_sends_nothing_any_more_does_not_speak() -> None:
    ear = Ear()
    now = play(ear, PIECE.pcm[: int((END_S - 0.3) * 16_000) & ~1], 0)
    assert ear.is_speaking(now)
    assert not ear.is_speaking(now + 0.5)


def test_a_second_of_speech_without_an_event_is_told_once() -> None:
    ear = Ear()
    now = play(ear, PIECE.pcm, 0)
    assert ear.unanswered_ms == ear.speech_ms >= 1000
    assert BEGIN_S + 1 < ear.unanswered_at <= END_S + ABOUT_S
    first = ear.unanswered_at
    play(ear, PIECE.pcm, now)
    assert ear.unanswered_at == first


def test_an_event_answers_what_was_said_before_it_and_no_more() -> None:
    ear = Ear()
    now = play(ear, PIECE.pcm, 0)
    before_ms = ear.speech_ms
    ear.answered()
    assert (ear.unanswered_ms, ear.unanswered_at) == (0, float("inf"))
    play(ear, PIECE.pcm, now)
    assert ear.unanswered_ms == ear.speech_ms - before_ms >= 1000
    assert ear.unanswered_at > now


@given(chunk=st.integers(1, 5_000))
@settings(max_examples=25, deadline=None)
def test_chunks_make_no_difference(chunk: int) -> None:
    one, other = Ear(), Ear()
    pcm = PIECE.pcm + silence(1)
    play(one, pcm, 0)
    play(other, pcm, 0, chunk)
    assert one.speech_ms == other.speech_ms
    assert one.last_speech_at == pytest.approx(other.last_speech_at)


def test_a_burst_of_old_audio_is_as_old_as_it_is_long() -> None:
    ear = Ear()
    ear.hear(PIECE.pcm, 100)
    assert ear.last_speech_at == pytest.approx(
        100 - (PIECE.duration_s - END_S), abs=ABOUT_S
    )


@given(
    heard=st.lists(st.tuples(st.binary(max_size=2_000), st.floats(0, 1)), max_size=20)
)
def test_any_bytes_are_heard_and_time_does_not_go_back(
    heard: list[tuple[bytes, float]],
) -> None:
    ear, now = Ear(), 0.0
    for pcm, later_s in heard:
        before = ear.last_speech_at
        now += later_s
        ear.hear(pcm, now)
        assert before <= ear.last_speech_at <= now
