"""Answers that wait behind each other: how much of them is kept."""

from .stage import Stage

MAX_S = 3
# What one delta may bring over the bound, with its last frames.
DELTA_MS = 2_000
TAIL_MS = 40


def waiting_ms(stage: Stage) -> float:
    """How much audio is still to come, if nothing else happens."""
    before = stage.core.received_ms.total()
    stage.advance(60)
    return stage.core.received_ms.total() - before


def test_one_long_answer_is_cut_at_the_bound() -> None:
    stage = Stage.ready(playout_max_s=MAX_S)
    stage.created()
    for _ in range(10):
        stage.delta(DELTA_MS)
    assert waiting_ms(stage) <= MAX_S * 1000 + DELTA_MS + TAIL_MS


def test_what_waits_is_bounded_though_it_is_of_many_short_answers() -> None:
    # Otherwise each of them would be taken for a barge-in.
    stage = Stage.ready(playout_max_s=MAX_S, barge_in=False)
    for number in range(6):
        stage.answer(500, f"i{number}", f"r{number}")
    stage.created("long")
    for _ in range(2):
        stage.delta(DELTA_MS, "last", "long")
    assert waiting_ms(stage) <= MAX_S * 1000 + DELTA_MS + TAIL_MS
