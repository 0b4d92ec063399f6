"""What a caller does, played against a line without a socket."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.phone.fakes import silence, tone
from trio_sts.phone.line import Line
from trio_sts.phone.script import (
    HangUp,
    Pause,
    Press,
    Say,
    Script,
    Slot,
    WaitForAgent,
    WaitForSilence,
    WaitToBeAsked,
    conversation,
    perform,
)


def play(script: Script, agent: str = "", line: Line | None = None) -> list[Slot]:
    """Every slot of a script; the agent is loud (A) or quiet (.) in each."""
    line = line or Line()
    slots: list[Slot] = []
    for slot in perform(script, line):
        if agent[len(slots) : len(slots) + 1] == "A":
            line.playback.push(tone(1))
        slots.append(slot)
        line.tick(slot.pcm)
        assert len(slots) < 20_000, "the script has no end"
    return slots


def test_speech_is_sent_frame_by_frame_and_its_end_is_padded() -> None:
    pcm = tone(3)[:-100]
    slots = play((Say(pcm),))
    assert b"".join(slot.pcm for slot in slots) == pcm + bytes(100)


@settings(deadline=None)
@given(st.integers(0, 30), st.integers(1, 30), st.integers(0, 30))
def test_a_turn_is_what_is_loud_without_the_silence_around_it(
    before: int, voiced: int, after: int
) -> None:
    line = Line()
    play((Say(silence(before) + tone(voiced) + silence(after)),), line=line)
    (turn,) = line.turns
    assert (turn.start_slot, turn.end_slot) == (before, before + voiced - 1)


def test_the_hiss_of_a_recording_is_not_the_caller() -> None:
    line = Line()
    hiss = tone(20, peak=300)
    play((Say(hiss + tone(10, peak=30_000) + hiss),), line=line)
    assert (line.turns[0].start_slot, line.turns[0].end_slot) == (20, 29)


@pytest.mark.parametrize("pcm", [b"", silence(10), tone(10, peak=50)])
def test_a_recording_without_speech_is_no_turn(pcm: bytes) -> None:
    line = Line()
    slots = play((Say(pcm),), line=line)
    assert len(slots) * 320 == len(pcm)
    assert not line.turns


def test_keys_are_pressed_one_by_one() -> None:
    slots = play((Press("1#", every_ms=60), HangUp()))
    assert [slot.digit for slot in slots] == ["1", "", "", "#", "", "", ""]
    assert slots[-1].hang_up


@pytest.mark.parametrize("digits", ["", "12E", "a", " ", "1 2"])
def test_what_no_telephone_has_cannot_be_pressed(digits: str) -> None:
    with pytest.raises(ValueError, match="keys are"):
        Press(digits)


@pytest.mark.parametrize(("seconds", "slots"), [(0, 0), (0.5, 25), (1.015, 51)])
def test_a_pause_lasts_as_long_as_it_says(seconds: float, slots: int) -> None:
    assert play((Pause(seconds),)) == [Slot()] * slots


def test_the_greeting_is_waited_for_and_heard_out() -> None:
    wait = (WaitForAgent(), WaitForSilence(quiet_ms=200))
    assert len(play(wait, "....AAAA..AA" + "." * 50)) == 12 + 10


def test_waiting_has_an_end() -> None:
    assert len(play((WaitForAgent(at_most_s=2),))) == 100
    talks_on = "A" * 1000
    assert len(play((WaitForAgent(), WaitForSilence(at_most_s=2)), talks_on)) == 101


def test_an_agent_that_is_quiet_already_is_not_waited_for() -> None:
    assert play((WaitForSilence(), Pause(0.02))) == [Slot()]


def test_after_a_turn_the_answer_is_waited_for_and_not_the_greeting() -> None:
    script = (WaitForAgent(), Say(tone(5)), WaitForAgent(at_most_s=9))
    # The greeting goes on under the caller and ends; the answer comes after 400 ms.
    slots = play(script, "A" * 8 + "." * 20 + "A")
    assert len(slots) == 8 + 20 + 1


def test_a_conversation_ends_with_the_caller_hanging_up() -> None:
    script = conversation(
        [tone(3), tone(3)], digits="12#", answer_s=1, greeting_s=1, reason_s=0
    )
    slots = play(script)
    assert [slot.digit for slot in slots if slot.digit] == ["1", "2", "#"]
    assert slots[-1].hang_up
    assert sum(slot.hang_up for slot in slots) == 1
    assert len(slots) == 50 + 2 * (3 + 50) + 3 * 12 + 50 + 1


def test_a_caller_without_patience_does_not_wait_for_quiet() -> None:
    line = Line()
    script = conversation([tone(3)], talk_over_after_s=0.2, answer_s=1)
    play(script, "." * 5 + "A" * 60, line=line)
    (turn,) = line.turns
    assert turn.over_agent
    assert turn.start_slot == 5 + 1 + 10


def test_no_greeting_is_waited_for_when_the_caller_begins() -> None:
    line = Line()
    play(conversation([tone(3)], greeting_s=0, answer_s=1), line=line)
    assert line.turns[0].start_slot == 0


def test_a_silent_caller_waits_until_the_agent_begins_again() -> None:
    agent = "AAAA" + "." * 20 + "AA"
    script = (WaitForAgent(), WaitForSilence(200), WaitToBeAsked())
    assert len(play(script, agent)) == agent.rindex("A")
    assert len(play((*script[:2], WaitToBeAsked(0.1)), agent)) == 4 + 10 + 5
