"""One conversation, the same for every SDK, and what must have come of it."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import trio

from tests.embedded.client import check

from .tap import Tap

HOURS = "what are your opening hours"
WEATHER = "what is the weather like today"
STORY = "tell me a story"
ADDRESS = "what is your address"
QUESTIONS = (HOURS, WEATHER, STORY, ADDRESS)
_TALK_OVER_AFTER_S = 1.5
_PAUSE_S = 0.4
_GREETING_S = 1.5
# What may have been heard of the story when it is talked over after 1.5 s: no more than
# there was time for, however slow the machine is.
_LEAST_MS = 500
_SLACK_MS = 500
# Cancelling what ends at that moment is no mistake of anybody's.
_RACES = {"response_cancel_not_active"}
_WITHIN_S = 25
# Some of them import for long, the first time.
_STARTED_WITHIN_S = 90

Say = Callable[[str], Awaitable[None]]


async def converse(tap: Tap, say: Say) -> None:
    """Ask, have a tool asked, and talk over a long answer with another question.

    Raises:
        TimeoutError: Something that must follow did not.
    """
    updated = "session.updated"
    await tap.wait(lambda: tap.of(updated), what=updated, within_s=_STARTED_WITHIN_S)
    await _greeting(tap)
    await say(HOURS)
    await _answer(tap, "nine to six")
    await say(WEATHER)
    await _answer(tap, "The tool says")
    await say(STORY)
    delta = "response.output_audio.delta"
    before = len(tap.of(delta))
    await tap.wait(
        lambda: len(tap.of(delta)) > before, what="the story", within_s=_WITHIN_S
    )
    await trio.sleep(_TALK_OVER_AFTER_S)
    await say(ADDRESS)
    await _answer(tap, "Mill Lane")


async def _greeting(tap: Tap) -> None:
    """Some SDKs let the agent speak first."""
    await trio.sleep(_GREETING_S)
    created, done = "response.created", "response.done"
    await tap.wait(
        lambda: len(tap.of(done)) == len(tap.of(created)),
        what="the greeting",
        within_s=_WITHIN_S,
    )
    await _played(tap)


async def _played(tap: Tap) -> None:
    await trio.sleep(max(0, tap.played_until_s() - trio.current_time()) + _PAUSE_S)


async def _answer(tap: Tap, words: str) -> None:
    """Wait until an answer has been played."""
    await tap.wait(
        lambda: any(words in said for said in _said(tap)),
        what=words,
        within_s=_WITHIN_S,
    )
    await _played(tap)


def _said(tap: Tap) -> list[str]:
    done = tap.of("response.output_audio_transcript.done")
    return [event["transcript"] for event in done]


def verdicts(tap: Tap) -> Iterator[tuple[bool, str]]:
    """What must hold of the conversation, and whether it does."""
    faults = list(_faults(tap))
    yield not faults, f"every event is of the official types {faults[:1] or ''}"
    errors = [
        event["error"]["message"]
        for event in tap.of("error")
        if event["error"]["code"] not in _RACES
    ]
    yield not errors, f"nothing was refused {errors or ''}"
    said = " ".join(_said(tap))
    yield "nine to six" in said and "Mill Lane" in said, "questions were answered"
    calls = tap.of("response.function_call_arguments.done")
    named = [call["name"] for call in calls]
    yield named == ["get_weather"], f"the tool was called once: {named}"
    outputs = [item for item in _created(tap) if item["type"] == "function_call_output"]
    yield (
        [item["call_id"] for item in outputs] == [call["call_id"] for call in calls],
        "its result came back, for that call",
    )
    yield "sunny" in said, "the answer told it"
    story = _story(tap)
    cuts = list(_cuts(tap, story))
    yield bool(cuts), "the story was talked over, and cut"
    fit = all(_LEAST_MS <= heard_ms <= passed_ms for heard_ms, passed_ms in cuts)
    yield fit, f"after what was heard of it, and could be: {cuts} ms"
    usages = [event["response"]["usage"] for event in tap.of("response.done")]
    yield all(map(_fits, usages)), "no more tokens are cached than were sent"


def _cuts(tap: Tap, item_id: str) -> Iterator[tuple[int, int]]:
    """Where an item was cut, and how much of it there was time to hear."""
    begun_at_s: float | None = None
    for heard in tap.heard:
        kind, event = heard.event["type"], heard.event
        if event.get("item_id") != item_id:
            continue
        if kind == "response.output_audio.delta" and begun_at_s is None:
            begun_at_s = heard.at_s
        elif kind == "conversation.item.truncated" and begun_at_s is not None:
            passed_ms = round((heard.at_s - begun_at_s) * 1000) + _SLACK_MS
            yield event["audio_end_ms"], passed_ms


def _story(tap: Tap) -> str:
    deltas = tap.of("response.output_audio_transcript.delta")
    told = (event["item_id"] for event in deltas if event["delta"].startswith("Once"))
    return str(next(told, ""))


def _created(tap: Tap) -> list[dict[str, Any]]:
    created = tap.of("conversation.item.create", by_model=False)
    return [event["item"] for event in created]


def _fits(usage: dict[str, Any]) -> bool:
    details = usage["input_token_details"]
    cached = details["cached_tokens_details"]
    return all(
        cached[f"{kind}_tokens"] <= details[f"{kind}_tokens"]
        for kind in ("text", "audio")
    )


def _faults(tap: Tap) -> Iterator[str]:
    for heard in tap.heard:
        if heard.by_model:
            try:
                check(heard.event)
            except (AssertionError, ValueError) as exc:
                yield f"{heard.event['type']}: {exc}"
