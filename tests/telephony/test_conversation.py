"""Whole calls by voice with the embedded model: talked over, keys read back, goodbye."""

from pathlib import Path

import numpy as np
import pytest
import trio

from trio_sts.embedded import Endpoint, serve_model
from trio_sts.embedded.speech.voice import say, speak

from .asterisk import Asterisk
from .calls import Leg, answering, nothing_is_left
from .conftest import Figure
from .phones import FRAME_MS, RATE_HZ, Phone, Samples, phone
from .sounds import WHOLE, for_phone, hear, loud

_VOICE = "marin"
_BARGE_INS = {Leg.ASTERISK: 2, Leg.AVR_CORE: 1}
# The bound of a machine that has other work; `test_barge_in` holds the figure itself.
_HUSH_MS = 500
_PAUSE = RATE_HZ * 300 // 1000


async def _hears_answer(caller: Phone) -> None:
    """Wait until the agent has begun to speak, and then has been silent for a while."""
    sounds = len(caller.of("sound"))
    await caller.wait("sound", after=sounds, within_s=15)
    await _quiet(caller)


async def _quiet(caller: Phone) -> None:
    """Wait for a second in which the agent says nothing."""
    while True:
        sounds = len(caller.of("sound"))
        await caller.until(
            lambda: len(caller.of("silence")) >= len(caller.of("sound")),
            "silence",
            within_s=30,
        )
        with trio.move_on_after(1.0) as pause:
            await caller.wait("sound", after=sounds)
        if pause.cancelled_caught:
            return


def _hush_ms(heard: Samples, said: Samples, begins: int) -> float:
    """From a word's first sample that can be heard to the agent's last before a pause."""
    word = begins + int(loud(said[begins:])[0])
    agent = loud(heard[word:])
    gaps = np.flatnonzero(np.diff(agent) > _PAUSE)
    last = agent[gaps[0]] if len(gaps) else agent[-1]
    return float(last) * 1000 / RATE_HZ


@pytest.mark.parametrize("leg", Leg, ids=lambda leg: leg.name)
async def test_a_conversation_with_the_embedded_model(
    leg: Leg, asterisk: Asterisk, tmp_path: Path, figure: Figure
) -> None:
    places: list[int] = []
    async with trio.open_nursery() as nursery:
        model: Endpoint = await nursery.start(serve_model)
        async with (
            answering(model.url, leg, OPENAI_VOICE=_VOICE) as (service, core),
            phone(tmp_path) as caller,
        ):
            await caller.dial(leg)
            await caller.answered()
            await _quiet(caller)
            for _ in range(_BARGE_INS[leg]):
                await caller.say(_words("tell me a story"))
                await caller.wait("said", after=len(caller.of("said")))
                story = await caller.wait("sound", after=len(caller.of("sound")))
                await trio.sleep(1.5)
                said = len(caller.of("said"))
                # The word before has ended by then, the next has not begun.
                places.append(int(story["frame"]) + 50)
                await caller.say(_words("what kind of books do you have"))
                await caller.wait("said", after=said)
                await _hears_answer(caller)
            await caller.press("12")
            await _hears_answer(caller)
            await caller.say(_words("thank you goodbye"))
            await caller.over(within_s=30)
            assert len(caller.of("bye")) == 1
            recording = await caller.recording()
            await nothing_is_left(asterisk, service, core)
        items = list(model.sessions[0].conversation.items)
        nursery.cancel_scope.cancel(reason="the call is over")
    hushes = sorted(
        _hush_ms(recording.heard, recording.said, place * RATE_HZ * FRAME_MS // 1000)
        for place in places
    )
    figure(
        f"{leg.name}: from the caller's first sound to the agent's last "
        f"{', '.join(f'{each:.0f}' for each in hushes)} ms"
    )
    told = [item.said for item in items if item.role == "assistant"]
    assert "You pressed one two." in told
    keys = say("You pressed one two.", voice=_VOICE, rate_hz=24_000).pcm
    assert hear(recording.heard, for_phone(keys)).part > WHOLE
    assert hushes[0] <= _HUSH_MS


def _words(text: str) -> bytes:
    return speak(text, rate_hz=RATE_HZ)
