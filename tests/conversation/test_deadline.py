"""The deadline is that of the first rule of the pass, also where only time brings it."""

from trio_sts.conversation.config import Rules

from .watched import Watched


def test_the_end_of_a_retry_delay_wakes_the_core_while_the_vad_is_awaited() -> None:
    # Watched compares the deadline with the rules' own after each pass.
    stage = Watched(Rules(greeting=False, idle_s=1e6))
    stage.init()
    stage.model_ready()
    stage.created()
    stage.failed(code="rate_limit_exceeded", message="try again in 3s")
    stage.advance(2.9)
    stage.speech_started()
    stage.speech_stopped()
    stage.talk(1)
    assert stage.creates == 1
