"""Which rule reacts to what, and which rules every pass ends with: two tables."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import frozen

from trio_sts.errors import BadMessage
from trio_sts.wire import avr
from trio_sts.wire.realtime import events

from .inputs import (
    BadEvent,
    ModelFailed,
    ModelLost,
    ModelReady,
    SpareLost,
    SpareReady,
    ToolFinished,
)
from .rules import (
    answering,
    asking,
    barge_in,
    dead_air,
    giving_up,
    goodbye,
    greeting,
    hearing,
    hold_sound,
    keypad,
    limits,
    mcp,
    opening,
    outputs,
    renewal,
    responses,
    restoring,
    rounds,
    silent_caller,
    tools,
    transcripts,
)
from .state import State

Reaction = Callable[[State, Any, float], None]

# What comes in, and the rules that react, in this order.
_CALLER: Final[Mapping[type, tuple[Reaction, ...]]] = {
    avr.Init: (opening.init,),
    avr.CallerAudio: (hearing.caller_audio,),
    avr.DtmfDigit: (keypad.key_pressed,),
    avr.MarkPlayed: (hearing.mark_played,),
    avr.QueueFull: (hearing.queue_full,),
    avr.QueueFree: (hearing.queue_free,),
    avr.UnknownFromCore: (limits.unknown_type,),
    BadMessage: (limits.bad_message,),
}
_MODEL_LEG: Final[Mapping[type, tuple[Reaction, ...]]] = {
    ModelReady: (
        tools.model_ready,
        restoring.model_ready,
        renewal.model_ready,
        greeting.model_ready,
    ),
    SpareReady: (renewal.spare_ready,),
    SpareLost: (renewal.spare_lost,),
    ModelLost: (restoring.model_lost,),
    ModelFailed: (giving_up.model_failed,),
    BadEvent: (limits.bad_event,),
}
# `dead_air` sees each of these events first.
_MODEL: Final[Mapping[type, tuple[Reaction, ...]]] = {
    # The caller, as the model hears them.
    events.SpeechStarted: (
        hearing.speech_started,
        asking.speech_started,
        goodbye.speech_started,
        barge_in.speech_started,
    ),
    events.SpeechStopped: (
        hearing.speech_stopped,
        asking.speech_stopped,
        goodbye.speech_stopped,
    ),
    events.InputTimeout: (asking.input_timeout,),
    events.InputCommitted: (
        hearing.input_committed,
        barge_in.input_committed,
        transcripts.input_committed,
    ),
    events.ItemAdded: (transcripts.item_added,),
    events.TranscriptionCompleted: (transcripts.caller_words,),
    events.TranscriptionFailed: (transcripts.no_caller_words,),
    # The model's answers.
    events.ResponseCreated: (barge_in.response_created, responses.created),
    events.OutputItemAdded: (tools.output_item_added, responses.output_item_added),
    events.AudioDelta: (responses.audio,),
    events.AudioDone: (responses.audio_done,),
    events.TranscriptDelta: (transcripts.agent_delta,),
    events.TranscriptDone: (transcripts.agent_done,),
    events.ArgumentsDone: (tools.arguments_done,),
    events.OutputItemDone: (
        tools.output_item_done,
        responses.output_item_done,
        mcp.item_done,
    ),
    events.ResponseDone: (responses.done,),
    events.ItemDone: (mcp.item_done,),
    events.McpProgress: (mcp.progress,),
    events.ErrorEvent: (responses.error,),
    events.SessionUpdated: (restoring.session_updated,),
    # Whoever looks on reads them.
    events.RateLimitsUpdated: (),
    events.UnknownEvent: (),
}
_TOOLS: Final[Mapping[type, tuple[Reaction, ...]]] = {
    ToolFinished: (
        giving_up.tool_finished,
        goodbye.tool_finished,
        outputs.tool_finished,
    ),
}
EVENTS: Final[Mapping[type, tuple[Reaction, ...]]] = {
    **_CALLER,
    **_MODEL_LEG,
    **{event: (dead_air.model_event, *rules) for event, rules in _MODEL.items()},
    **_TOOLS,
}

# Events that no rule needs to know of.
IGNORED: Final = frozenset({events.SessionCreated})


@frozen
class Step:
    """A rule of the pass, and the function that says when it is due.

    Attributes:
        name: For the log and the record: which rule woke the core.
        due_at: When the rule has something to do, for the state at a time.
        run: Does it.
    """

    name: str
    due_at: Callable[[State, float], float]
    run: Callable[[State, float], None]


# In this order, and once more while a rule makes an earlier one due.
PASS: Final = (
    Step("playout", hearing.play_at, hearing.play),
    Step("greet", greeting.ask_at, greeting.ask),
    Step("greeting", greeting.let_audio_through_at, greeting.let_audio_through),
    Step("answer", answering.answer_at, answering.answer),
    Step("intake", hearing.send_caller_audio_at, hearing.send_caller_audio),
    Step("keypad", keypad.send_keys_at, keypad.send_keys),
    Step("cancelled", asking.forget_cancelled_at, asking.forget_cancelled),
    Step("goodbye", goodbye.go_on_at, goodbye.go_on),
    Step("outputs", rounds.send_due_at, rounds.send_due),
    Step("mcp", mcp.ask_at, mcp.ask),
    Step("dead air", dead_air.watch_at, dead_air.watch),
    Step("silent caller", silent_caller.watch_at, silent_caller.watch),
    Step("asking", asking.send_if_due_at, asking.send_if_due),
    Step("renewal", renewal.go_on_at, renewal.go_on),
    Step("hold sound", hold_sound.play_at, hold_sound.play),
    Step("giving up", giving_up.go_on_at, giving_up.go_on),
    Step("transcripts", transcripts.send_finished_at, transcripts.send_finished),
    Step("limits", limits.enforce_at, limits.enforce),
)
