"""Audio both ways: the caller's to the model and our ear, the agent's to the caller."""

from typing import Final

from trio_sts.conversation.moments import AT_ONCE
from trio_sts.conversation.state import State
from trio_sts.wire import avr
from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.requests import AppendAudio

from . import answering, barge_in

# Asterisk's queue is full with 1,000 frames of 20 ms, and has played them by then.
_MOST_HELD_S: Final = 20.0


def speech_started(state: State, _: events.SpeechStarted, now: float) -> None:
    """The model's VAD hears the caller."""
    state.caller_speech.started(now)
    state.intake.speech_started()
    state.caller_silence.broken(now)


def speech_stopped(state: State, _: events.SpeechStopped, now: float) -> None:
    """The model's VAD hears the end of the caller's turn."""
    state.caller_speech.stopped()
    state.intake.speech_stopped()
    state.counters.count("turns")
    state.latencies.turn_ended(now)
    state.caller_silence.broken(now)
    state.replay.committed("")


def input_committed(state: State, event: events.InputCommitted, _: float) -> None:
    """A turn of the caller's is with the model."""
    state.replay.committed(event.item_id)


def caller_audio(state: State, message: avr.CallerAudio, now: float) -> None:
    """Keep the caller's audio until it may go to the model; an empty message is none."""
    if not message.pcm:
        return
    answering.heard(state)
    state.ear.hear(message.pcm, now)
    state.counters.caller_audio(message.pcm)
    dropped_ms = state.intake.add(message.pcm, now)
    away = not state.connection.ready
    if dropped_ms and state.counters.dropped_audio(dropped_ms, away=away):
        why = "the model is away" if away else "too much at once"
        state.out.note("warning", "caller audio dropped", why=why)


def forward_at_once(state: State, pcm: bytes, now: float) -> bytes | None:
    """`caller_audio` and `send_caller_audio` for audio that nothing holds up.

    Returns:
        What goes to the model, in its format; None if something does hold it up, and
        nothing was done.
    """
    speaks = state.caller_speech.active
    audio = state.intake.pass_on(pcm, now, model_hears_speech=speaks)
    if audio is not None:
        state.ear.hear(pcm, now)
        state.counters.caller_audio(pcm)
        spoke_at = state.ear.last_speech_at
        state.replay.sent(pcm, now, speaks=speaks, spoke_at=spoke_at)
    return audio


def send_caller_audio_at(state: State, now: float) -> float:
    """When `send_caller_audio` has something to do."""
    intake = state.intake
    return AT_ONCE if intake.may_take(now) else intake.deadline


def send_caller_audio(state: State, now: float) -> None:
    """Send what may be sent of the caller's audio, and fill its gaps with silence."""
    pcm = state.intake.take(now)
    speaks = state.caller_speech.active
    if pcm:
        state.out.model(AppendAudio(state.intake.encode(pcm)))
        spoke_at = state.ear.last_speech_at
        state.replay.sent(pcm, now, speaks=speaks, spoke_at=spoke_at)
    silence = state.intake.mend(now, model_hears_speech=speaks)
    if silence:
        state.out.model(AppendAudio(silence))


def mark_played(state: State, event: avr.MarkPlayed, now: float) -> None:
    """The peer says what it has played."""
    state.playout.played(event.mark, now)


def queue_full(state: State, _: avr.QueueFull, now: float) -> None:
    """The peer takes no more audio for now."""
    state.playout.hold(now + _MOST_HELD_S)


def queue_free(state: State, _: avr.QueueFree, __: float) -> None:
    """The peer takes audio again."""
    state.playout.release()


def play_at(state: State, _: float) -> float:
    """When `play` has something to do."""
    return state.playout.deadline


def play(state: State, now: float) -> None:
    """Feed the peer with the agent's audio, and close what was heard of it."""
    barge_in.close_heard(state, now)
    playout = state.playout
    if now < playout.deadline:
        return
    if playout.queued_ms:
        answering.answer(state, now)
    for batch in playout.feed(now):
        state.out.caller(avr.AgentAudio(batch.pcm, batch.mark))
        if not batch.pcm:
            # The mark behind the end.
            continue
        state.counters.agent_audio(batch.pcm)
        answered = state.latencies.agent_audio(playout.sent_response_id, now)
        if answered is not None:
            kind, after_s = answered
            state.out.note("debug", "agent begins", kind=kind, after_s=after_s)
        if playout.sent_response_id:
            _audible(state)


def _audible(state: State) -> None:
    """Agent audio of a response is sent to the caller."""
    state.owed_turn.audible()
    state.sequencer.was_audible()
    state.calls.audible()
    state.goodbye.agent_audible()
    state.replay.answered()
