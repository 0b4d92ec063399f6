"""Numbers at their very value, and nobody woken for what is over."""

from itertools import pairwise

import pytest

from trio_sts.conversation.commands import RunTool
from trio_sts.conversation.config import Rules
from trio_sts.wire.avr import Interruption
from trio_sts.wire.realtime.requests import AppendAudio

from .stage import Stage
from .test_goodbye import run_tools, saying_goodbye


def test_a_goodbye_is_over_at_the_very_moment_its_last_frame_is_heard() -> None:
    stage = saying_goodbye(ms=1000, playout_delay_ms=1000, audio_format="pcmu")
    stage.advance(5)
    assert stage.times(RunTool) == [-3.0]


def test_a_gap_in_speech_is_mended_every_100_ms() -> None:
    stage = Stage.ready()
    stage.speech_started()
    stage.talk(0.1)
    stage.mark()
    stage.advance(0.51)
    mended = stage.times(AppendAudio)
    between = [round(b - a, 6) for a, b in pairwise(mended)]
    assert len(between) >= 2
    assert between == [0.1] * len(between)


def test_nobody_is_woken_for_audio_that_an_interruption_threw_away() -> None:
    interrupted, silent = Stage.ready(), Stage.ready()
    interrupted.created()
    interrupted.delta(3000)
    ticks: list[int] = []
    for stage in (interrupted, silent):
        stage.advance(1)
        stage.speech_started()
        if stage is interrupted:
            stage.done("r1", "cancelled")
        before = stage.ticks
        stage.advance(5)
        ticks.append(stage.ticks - before)
    assert ticks[0] == ticks[1]


def test_nobody_is_woken_at_the_end_of_a_protection_that_is_over() -> None:
    stage = Stage(Rules(idle_s=1e6, greeting_protected=True))
    stage.init()
    stage.model_ready()
    stage.created()
    stage.delta(500)
    stage.audio_done()
    stage.done()
    stage.advance(5)
    before = stage.ticks
    # Its end would be 20 s after the model was ready.
    stage.advance(15.2)
    assert stage.ticks == before


@pytest.mark.parametrize(("lasted_s", "over"), [(9.9, True), (10.0, False)])
def test_the_third_session_that_was_lost_within_10_s_ends_the_call(
    lasted_s: float, over: bool
) -> None:
    stage = Stage.ready()
    for _ in range(2):
        stage.model_lost()
        stage.model_ready()
    stage.advance(lasted_s)
    stage.model_lost()
    assert stage.over() == over


def test_speech_over_a_hangup_interrupts_only_where_barge_in_is_on() -> None:
    stage = saying_goodbye("avr_hangup", barge_in=False)
    stage.speech_started()
    assert stage.all(Interruption) == []


def test_speech_after_a_transfer_interrupts_only_where_barge_in_is_on() -> None:
    stage = saying_goodbye("avr_transfer", ms=100, barge_in=False)
    stage.advance(1)
    assert run_tools(stage) == ["avr_transfer"]
    stage.created("r2")
    stage.delta(3000, "i2", "r2")
    stage.speech_started()
    assert stage.all(Interruption) == []
