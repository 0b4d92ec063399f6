# It reaches into the parts: that is what planting is.
# pyright: basic, reportPrivateUsage=false, reportArgumentType=false
"""Faults of what is heard: barge-in, its bounds, apology, hold sound."""

from typing import Any

from trio_sts.conversation.moments import NEVER
from trio_sts.conversation.parts import hold_sound
from trio_sts.conversation.parts.caller_speech import CallerSpeech
from trio_sts.conversation.parts.history import History
from trio_sts.conversation.parts.hold_sound import HoldSound
from trio_sts.conversation.parts.latencies import Latencies
from trio_sts.conversation.parts.playout import Playout
from trio_sts.conversation.parts.quarantine import Quarantine
from trio_sts.conversation.rules import hold_sound as hold_sound_rule
from trio_sts.conversation.rules import responses
from trio_sts.wire.realtime.requests import TruncateItem

from .fault import fault, nothing

_expect: Any = Playout.expect


def _cut_one(part: Playout, arriving: str) -> list[str]:
    if part.queued_ms < part.max_ms:
        return []
    oldest = part._queue[0][0].response_id
    for track in part.live_of(oldest):
        track.closed = track.complete = track.shortened = True
    part._unsettled = True
    if oldest != arriving:
        part._throw_away(oldest)
    return [oldest]


def _cut_at_what_was_sent(state: Any, arriving: str) -> None:
    for response_id in state.playout.overflow(arriving):
        for track in state.playout.live_of(response_id):
            state.out.model(TruncateItem(track.item_id, int(track.sent_ms), 0))
        state.quarantine.add(response_id)


def _one_part(part: Any, item_id: str, response_id: str, content_index: int = 0) -> Any:
    return _expect(part, item_id, response_id)


def _any_audio_is_the_answer(part: Latencies, response_id: str, now: float) -> None:
    if part._since is not None:
        part.turn.add(now - part._since)
        part._since = None


def _all_words_are_kept(
    part: History, item_id: str, heard_ms: float, received_ms: float
) -> None:
    part.heard(item_id, heard_ms)


def _over_speech(state: Any, now: float) -> float | None:
    since = state.connection.waiting_since
    if since is not None:
        return float(max(since + 2 - now, 0))
    at_work = state.calls.pending or state.mcp.pending
    return 1.5 if at_work and state.rules.hold_sound_always else None


FAULTS = (
    fault("an interrupted response is heard on", Quarantine, "add", nothing),
    fault(
        "a turn without speech_started is no barge-in",
        CallerSpeech,
        "committed",
        lambda _: True,
    ),
    fault(
        "an overflow is cut at what was sent",
        responses,
        "_keep_bound",
        _cut_at_what_was_sent,
    ),
    fault("an item has one audio part", Playout, "expect", _one_part),
    fault("one answer is cut for each arrival", Playout, "overflow", _cut_one),
    fault(
        "the latency without barge-in is that of old audio",
        Latencies,
        "agent_audio",
        _any_audio_is_the_answer,
    ),
    fault("words that nobody heard are sent on", History, "cut", _all_words_are_kept),
    fault("nobody is told aloud", Playout, "announce", nothing),
    fault(
        "nobody hears that a connection is awaited",
        HoldSound,
        "deadline",
        property(lambda _: NEVER),
    ),
    fault("the hold sound does not stop", hold_sound_rule, "_wait_s", _over_speech),
    fault("the hold sound is sent far ahead", hold_sound, "_AHEAD_MS", 400),
)
