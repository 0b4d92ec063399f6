"""The greeting: once per call, word for word, protected if wanted."""

import pytest

from trio_sts.conversation.commands import Begin
from trio_sts.conversation.config import Rules
from trio_sts.wire import avr
from trio_sts.wire.realtime.requests import AppendAudio, CreateResponse

from .stage import VOICE, Stage


def appended_ms(stage: Stage) -> float:
    return sum(len(append.audio) for append in stage.all(AppendAudio)) / 48


def before_the_model(**rules: object) -> Stage:
    stage = Stage(Rules(**{"idle_s": 1e6, **rules}))  # type: ignore[arg-type] # a test's shorthand
    stage.init()
    return stage


def test_the_model_is_dialled_at_init_and_not_before() -> None:
    stage = Stage()
    stage.talk(0.1)
    assert stage.kinds() == []
    stage.init("abc")
    assert stage.all(Begin) == [Begin("abc")]


def test_the_greeting_is_asked_for_before_the_kept_audio_is_sent() -> None:
    stage = before_the_model()
    stage.talk(1)
    stage.mark()
    stage.model_ready()
    assert stage.kinds() == ["CreateResponse", "AppendAudio"]
    assert stage.all(CreateResponse) == [CreateResponse()]
    assert appended_ms(stage) == 1000


def test_a_welcome_message_is_said_word_for_word() -> None:
    stage = before_the_model()
    stage.model_ready("Hello, this is Ann.")
    [create] = stage.all(CreateResponse)
    assert create.instructions is not None
    assert "“Hello, this is Ann.”" in create.instructions


def test_a_second_session_is_not_greeted() -> None:
    stage = before_the_model()
    stage.model_ready()
    stage.answer(100)
    stage.model_ready()
    assert stage.creates == 1


def test_without_a_greeting_the_caller_speaks_first() -> None:
    stage = before_the_model(greeting=False)
    stage.talk(0.2)
    stage.model_ready()
    stage.advance(19)
    assert stage.creates == 0
    assert appended_ms(stage) == 200


def test_the_words_of_a_greeting_that_failed_are_asked_for_again() -> None:
    stage = before_the_model()
    stage.model_ready("Hello.")
    stage.created()
    stage.failed()
    stage.advance(1)
    first, again = stage.all(CreateResponse)
    assert first == again


@pytest.mark.parametrize("seen", [True, False])
def test_the_words_of_the_greeting_are_not_said_later(seen: bool) -> None:
    stage = before_the_model()
    stage.model_ready("Hello.")
    if seen:
        stage.answer(200)
        stage.advance(1)
    stage.speech_started()
    stage.speech_stopped()
    stage.created("vad")
    stage.failed("vad")
    stage.advance(1.1)
    assert stage.all(CreateResponse)[-1] == CreateResponse()


def test_caller_audio_is_kept_for_10_s_and_then_dropped_and_counted() -> None:
    stage = before_the_model()
    stage.talk(12)
    assert stage.conversation.counters.dropped_audio_ms == 2000
    stage.mark()
    stage.model_ready()
    stage.advance(5)
    assert appended_ms(stage) == 10_000


def test_a_protected_greeting_withholds_the_caller_until_it_was_heard() -> None:
    stage = before_the_model(greeting_protected=True)
    stage.model_ready()
    stage.created()
    stage.delta(2000)
    stage.talk(1)
    stage.done()
    stage.talk(1)
    assert appended_ms(stage) == 0
    stage.talk(0.3)
    assert appended_ms(stage) > 0


def test_what_was_withheld_follows_at_four_times_real_time() -> None:
    stage = before_the_model(greeting_protected=True)
    stage.model_ready()
    stage.answer(4000)
    stage.talk(4.1)
    stage.mark()
    stage.talk(0.5)
    assert 1900 <= appended_ms(stage) <= 2000
    stage.talk(2)
    assert appended_ms(stage) >= 6400


def test_a_protected_greeting_keeps_the_last_10_s() -> None:
    stage = before_the_model(greeting_protected=True)
    stage.model_ready()
    stage.answer(15_000)
    stage.talk(15)
    assert appended_ms(stage) == 0
    stage.advance(5)
    assert appended_ms(stage) == 10_000


def test_a_greeting_that_never_comes_protects_for_20_s() -> None:
    stage = before_the_model(greeting_protected=True, dead_air_s=1000)
    stage.model_ready()
    stage.talk(19.9)
    assert appended_ms(stage) == 0
    stage.talk(0.3)
    assert appended_ms(stage) > 0


def test_a_greeting_without_a_created_unprotects_when_it_was_heard() -> None:
    stage = before_the_model(greeting_protected=True)
    stage.model_ready()
    stage.done("r1", "completed")
    stage.talk(0.1)
    assert appended_ms(stage) == 100


def test_protection_lasts_over_the_retry_of_the_greeting() -> None:
    stage = before_the_model(greeting_protected=True)
    stage.model_ready("Hello.")
    stage.created()
    stage.failed()
    stage.talk(1.1)
    stage.answer(1000, "i2", "r2")
    stage.talk(0.9)
    assert appended_ms(stage) == 0
    stage.talk(0.5)
    assert appended_ms(stage) > 0


def test_frames_pass_at_once_when_the_model_is_ready() -> None:
    stage = Stage.ready()
    stage.caller(avr.CallerAudio(VOICE))
    assert appended_ms(stage) == 20
