"""A turn is judged at its end: by the response's status and by what was audible."""

from typing import TYPE_CHECKING

import pytest

from trio_sts.conversation.commands import EndCall, Note, Reconnect
from trio_sts.conversation.config import Rules
from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.items import ContentPart, Item, Response
from trio_sts.wire.realtime.requests import CreateResponse, DeleteItem

from .stage import QUIET, Stage

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT, FILTER = "max_output_tokens", "content_filter"


def asked(**rules: object) -> Stage:
    """The caller has taken a turn, and the VAD's response is there."""
    stage = Stage.ready(**rules)
    stage.speech_started()
    stage.speech_stopped()
    stage.created()
    stage.mark()
    return stage


def end(
    stage: Stage,
    status: str,
    reason: str | None = None,
    *output: Item,
    response: str = "r1",
) -> None:
    whole = Response(response, status, reason, output=output)
    stage.model(events.ResponseDone(whole))


def greeted() -> Stage:
    """A call whose greeting is asked for."""
    stage = Stage(Rules(**QUIET))
    stage.init()
    stage.model_ready("Welcome at the bakery.")
    return stage


def notes(stage: Stage, event: str) -> list[dict[str, object]]:
    return [dict(note.fields) for note in stage.all(Note) if note.event == event]


def text(item: str = "t1") -> Item:
    part = ContentPart("output_text", text="Good morning.")
    return Item(item, "message", "assistant", "completed", (part,))


@pytest.mark.parametrize(
    ("status", "reason"),
    [("completed", None), ("incomplete", LIMIT), ("incomplete", FILTER)],
)
def test_an_answer_that_was_audible_settles_the_turn(
    status: str, reason: str | None
) -> None:
    stage = asked()
    stage.delta(300)
    end(stage, status, reason)
    stage.advance(60)
    assert stage.creates == 0
    assert stage.conversation.counters.nudges == 0


@pytest.mark.parametrize(
    ("status", "reason", "said"),
    [
        ("completed", None, True),
        ("completed", None, False),
        ("incomplete", LIMIT, True),
        ("incomplete", LIMIT, False),
        ("incomplete", FILTER, True),
        ("incomplete", FILTER, False),
        ("cancelled", "turn_detected", True),
        ("cancelled", "client_cancelled", False),
        ("failed", None, True),
        ("failed", None, False),
    ],
)
def test_a_response_that_did_not_complete_is_logged_with_its_reason_and_counted(
    status: str, reason: str | None, said: bool
) -> None:
    stage = asked()
    if said:
        stage.delta(300)
    end(stage, status, reason)
    odd = status != "completed"
    told = [{"status": status, "reason": reason}] if odd else []
    assert notes(stage, "response not completed") == told
    assert stage.conversation.counters.unfinished_responses == odd


def test_an_empty_answer_is_asked_for_again_at_once() -> None:
    stage = asked()
    end(stage, "completed")
    assert stage.creates == 1


def empties(stage: Stage, number: int, *, first: int = 2) -> None:
    for n in range(first, first + number):
        stage.created(f"r{n}")
        end(stage, "completed", response=f"r{n}")


def test_the_third_empty_one_is_another_session_and_its_third_the_end() -> None:
    stage = asked(dead_air_s=100)
    end(stage, "completed")
    empties(stage, 1)
    assert stage.creates == 2
    assert not stage.all(Reconnect)
    empties(stage, 1, first=3)
    assert len(stage.all(Reconnect)) == 1
    stage.mark()
    stage.model_ready()
    stage.advance(1)
    assert stage.creates == 1
    empties(stage, 2)
    assert stage.creates == 3
    assert not stage.over()
    empties(stage, 1, first=4)
    assert isinstance(stage.end, EndCall)
    assert (stage.end.code, stage.end.outcome) == (1011, "model silent")
    assert stage.end.failure


def test_audio_starts_the_count_of_empty_ones_anew() -> None:
    stage = asked()
    end(stage, "completed")
    empties(stage, 1)
    stage.answer(300, "i3", "r3")
    stage.advance(1)
    for n in (4, 5):
        stage.speech_started()
        stage.speech_stopped()
        empties(stage, 1, first=n)
    assert not stage.all(Reconnect)


def test_a_tool_call_settles_the_turn_and_its_answer_owes_the_next() -> None:
    stage = asked()
    stage.function_call()
    end(stage, "completed")
    assert stage.creates == 0
    stage.tool_finished()
    assert stage.creates == 1


def test_the_answer_to_a_tool_is_owed_though_another_one_was_heard_meanwhile() -> None:
    stage = Stage.ready()
    stage.call_tool()
    stage.created("r2")
    stage.delta(300, "i2", "r2")
    stage.tool_finished()
    stage.done("r2")
    assert stage.creates == 1
    # It is never answered.
    stage.advance(8.5)
    assert stage.creates == 2


def test_a_mute_answer_that_was_cut_by_the_limit_is_asked_for_once_at_once() -> None:
    stage = asked()
    end(stage, "incomplete", LIMIT)
    assert stage.creates == 1
    stage.created("r2")
    end(stage, "incomplete", LIMIT, response="r2")
    assert stage.creates == 1
    # From then on it goes by the clock of dead air.
    stage.advance(7.9)
    assert stage.creates == 1
    stage.advance(0.2)
    assert stage.creates == 2
    warned = notes(stage, "answer cut by the token limit")
    assert warned == [{"setting": "OPENAI_MAX_TOKENS"}]


def test_the_limit_is_warned_of_once_in_a_call_though_something_was_heard() -> None:
    stage = asked()
    stage.delta(300)
    end(stage, "incomplete", LIMIT)
    stage.advance(1)
    stage.speech_started()
    stage.speech_stopped()
    stage.created("r2")
    stage.delta(300, "i2", "r2")
    end(stage, "incomplete", LIMIT, response="r2")
    assert len(notes(stage, "answer cut by the token limit")) == 1


def test_a_withheld_answer_is_asked_for_once_as_one_sentence() -> None:
    stage = asked()
    end(stage, "incomplete", FILTER)
    (create,) = stage.all(CreateResponse)
    assert create.instructions is not None
    assert "cannot answer that" in create.instructions
    stage.created("r2")
    end(stage, "incomplete", FILTER, response="r2")
    assert stage.creates == 1
    stage.advance(8.1)
    assert stage.creates == 2


def test_a_new_turn_has_its_own_second_chance() -> None:
    for reason in (LIMIT, FILTER):
        stage = asked()
        end(stage, "incomplete", reason)
        stage.answer(200, "i2", "r2")
        stage.advance(1)
        stage.speech_started()
        stage.speech_stopped()
        stage.created("r3")
        stage.mark()
        end(stage, "incomplete", reason, response="r3")
        assert stage.creates == 1, reason


def test_an_answer_as_text_is_deleted_and_audio_is_asked_for() -> None:
    stage = asked()
    end(stage, "completed", None, text())
    assert [item.item_id for item in stage.all(DeleteItem)] == ["t1"]
    (create,) = stage.all(CreateResponse)
    assert create.audio
    stage.advance(0.1)
    assert stage.said == []


def test_text_beside_audio_is_kept() -> None:
    stage = asked()
    stage.delta(200)
    end(stage, "completed", None, text())
    assert stage.all(DeleteItem) == []
    assert stage.creates == 0


def test_text_only_answers_climb_the_same_ladder() -> None:
    stage = asked(dead_air_s=100)
    for n in (1, 2, 3):
        if n > 1:
            stage.created(f"r{n}")
        end(stage, "completed", None, text(f"t{n}"), response=f"r{n}")
    assert stage.creates == 2
    assert len(stage.all(Reconnect)) == 1


def test_an_answer_the_caller_interrupts_owes_by_their_speech() -> None:
    stage = asked()
    stage.delta(300)
    stage.speech_started()
    end(stage, "cancelled", "turn_detected")
    assert stage.creates == 0
    stage.speech_stopped()
    stage.advance(7.9)
    assert stage.creates == 0
    # The VAD has not answered.
    stage.advance(0.2)
    assert stage.creates == 1


def test_a_response_that_somebody_cancelled_in_silence_is_not_the_end_of_it() -> None:
    stage = asked()
    end(stage, "cancelled", "client_cancelled")
    assert stage.creates == 1


@pytest.mark.parametrize("ending", ["empty", "limit", "text", "failed"])
def test_the_words_of_an_ask_are_asked_again_until_something_was_audible(
    ending: str,
) -> None:
    stage = greeted()
    (first,) = stage.all(CreateResponse)
    stage.created()
    ends: dict[str, Callable[[], None]] = {
        "empty": lambda: end(stage, "completed"),
        "limit": lambda: end(stage, "incomplete", LIMIT),
        "text": lambda: end(stage, "completed", None, text()),
        "failed": lambda: end(stage, "failed"),
    }
    ends[ending]()
    stage.advance(1.1)
    _, again = stage.all(CreateResponse)
    assert first.instructions is not None
    assert again.instructions == first.instructions
    assert again.audio is (ending == "text")


def test_words_of_an_ask_survive_dead_air_and_end_with_the_first_audio() -> None:
    stage = greeted()
    stage.advance(8.1)
    first, again = stage.all(CreateResponse)
    assert again.instructions == first.instructions
    stage.answer(300)
    stage.advance(1)
    stage.call_tool("c1", response="r2")
    stage.tool_finished("c1")
    assert stage.all(CreateResponse)[-1].instructions is None


def test_a_faulty_item_in_the_list_costs_itself_alone() -> None:
    stage = asked()
    call = Item("", "function_call", "", "completed", (), "c1", "look_up", "{}")
    end(stage, "completed", None, Item("", "message"), Item(), call)
    stage.tool_finished("c1")
    assert stage.creates == 1


def test_a_response_done_without_an_id_ends_the_active_one() -> None:
    stage = asked()
    stage.delta(300)
    end(stage, "completed", response="")
    stage.advance(20)
    assert stage.creates == 0
    stage.keys("1#")
    assert stage.creates == 1
