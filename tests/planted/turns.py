# It reaches into the parts: that is what planting is.
# pyright: basic, reportPrivateUsage=false, reportArgumentType=false
"""Faults of turns: how they are asked for, how they end, how silence is noticed."""

from typing import Any

from trio_sts.conversation.moments import NEVER
from trio_sts.conversation.parts.caller_silence import CallerSilence
from trio_sts.conversation.parts.caller_speech import CallerSpeech
from trio_sts.conversation.parts.ear import Ear
from trio_sts.conversation.parts.failures import Retries
from trio_sts.conversation.parts.owed_turn import OwedTurn, Remedy
from trio_sts.conversation.parts.sequencer import Sequencer
from trio_sts.conversation.rules import asking, responses

from .fault import fault, never, nothing


def _refused_before_created_only(sequencer: Sequencer) -> None:
    if sequencer.asked:
        sequencer.asked = False
        sequencer.wanted = True
        sequencer._unseen_active = sequencer.active is None


def _refused_after_created_only(sequencer: Sequencer) -> None:
    sequencer.asked = False
    if sequencer._may_be_refused:
        sequencer.wanted = True


def _words_are_lost(
    sequencer: Sequencer, ask: object = None, *, not_before: float = 0
) -> None:
    sequencer.asked = False
    sequencer.want(None)


def _settles_by_audio_alone(turn: OwedTurn) -> None:
    turn.answered = True
    turn.settle()


def _position_is_lost(turn: OwedTurn) -> None:
    turn.owed = turn.by_ear = False
    turn._step = 0
    turn._stop_clocks()


def _by_signs_alone(turn: OwedTurn) -> float:
    since = turn._no_sign_since
    return NEVER if since is None else since + turn.dead_air_s


def _waits_anew(turn: OwedTurn, now: float) -> None:
    if now >= turn.deadline:
        turn._stop_clocks()


def _every_frame_is_speech(ear: Any, pcm: bytes, now: float) -> None:
    ear.last_speech_at = now


FAULTS = (
    fault("a refusal is forgotten", Sequencer, "refused", nothing),
    fault(
        "a refusal counts before created alone",
        Sequencer,
        "refused",
        _refused_before_created_only,
    ),
    fault(
        "a refusal counts after created alone",
        Sequencer,
        "refused",
        _refused_after_created_only,
    ),
    fault(
        "a refusal is known by its code alone",
        asking,
        "says_active",
        lambda e: e.code == "conversation_already_has_active_response",
    ),
    fault("the words of an ask are lost", Sequencer, "again", _words_are_lost),
    fault(
        "the first audio settles a turn", OwedTurn, "audible", _settles_by_audio_alone
    ),
    fault(
        "an end settles a turn though nothing was audible",
        responses,
        "_came_to_something",
        lambda *_: True,
    ),
    fault(
        "an answer that came to nothing waits for dead air",
        responses,
        "_came_to_nothing",
        nothing,
    ),
    fault(
        "the first empty answer ends the call",
        OwedTurn,
        "came_to_nothing",
        lambda _: Remedy.GIVE_UP,
    ),
    fault(
        "a mute answer that was cut is asked for without end",
        OwedTurn,
        "first_cut_by_limit",
        lambda _: True,
    ),
    fault("a withheld answer is not asked for", OwedTurn, "first_withheld", never),
    fault("text is taken for an empty answer", responses, "_is_text_only", never),
    fault("there are no signs of life", OwedTurn, "sign_of_life", nothing),
    fault(
        "a thought may last for ever", OwedTurn, "deadline", property(_by_signs_alone)
    ),
    fault(
        "the ladder starts anew with each session",
        OwedTurn,
        "settle",
        _position_is_lost,
    ),
    fault("dead air leads to nothing", OwedTurn, "take_remedy", _waits_anew),
    fault(
        "speech without an end excuses for ever",
        CallerSpeech,
        "excuses_until",
        lambda part, _: NEVER if part.active else -NEVER,
    ),
    fault("a deaf session is not noticed", Ear, "_hear_speech", nothing),
    fault(
        "a silent caller is never asked", CallerSilence, "deadline", lambda *_: NEVER
    ),
    fault("frames of silence are a caller", Ear, "hear", _every_frame_is_speech),
    fault("a failure is not retried", Retries, "next_delay_s", nothing),
    fault(
        "a retry does not wait as long as it is told",
        Retries,
        "next_delay_s",
        lambda *_: 1.0,
    ),
    fault("an error event ends no response", responses, "_fail_active", nothing),
    fault("a cancelled response is awaited for ever", Sequencer, "cancelled", nothing),
    fault(
        "keys wait for the delay of a failed answer",
        Sequencer,
        "forget_delay",
        nothing,
    ),
)
