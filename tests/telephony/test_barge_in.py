"""What the model is told that the caller heard, and what the caller did hear."""

from pathlib import Path

import numpy as np
import pytest
import trio

from tests.peers.model import ScriptedSession

from .asterisk import Asterisk
from .calls import Leg, scene
from .conftest import Figure
from .phones import RATE_HZ
from .sounds import WHOLE, for_phone, hear, noise

_BARGE_INS = {Leg.ASTERISK: 50, Leg.AVR_CORE: 10}
_STORY_MS = 1500
# The next story begins so soon after the last word of the one before.
_NEXT = 3 * RATE_HZ
# By what a story is found: so much of it is always played.
_BEGINNING = slice(RATE_HZ // 20, RATE_HZ * 3 // 20)
_TRUNCATE_MS = {Leg.ASTERISK: 20, Leg.AVR_CORE: 150}
_PIECE_MS = 10


async def _interrupted(session: ScriptedSession, story: bytes, after_s: float) -> int:
    """Tell a story, interrupt it so long after it began; what was said to be heard."""
    response = await session.begin()
    await response.say(story, "Once upon a time.")
    await trio.sleep(after_s)
    item_id = await session.speech_started()
    told = await session.expect("conversation.item.truncate")
    await session.speech_stopped(item_id, 500)
    await session.expect("response.create")
    return int(told["audio_end_ms"])


@pytest.mark.parametrize("leg", Leg, ids=lambda leg: leg.name)
async def test_the_model_is_told_what_the_phone_has_played(
    leg: Leg, asterisk: Asterisk, tmp_path: Path, figure: Figure
) -> None:
    number = _BARGE_INS[leg]
    moments = np.random.default_rng().uniform(0.25, 0.75, number)
    stories = [noise(_STORY_MS, 100 + n) for n in range(number)]
    async with scene(asterisk, leg, tmp_path) as at:
        await at.phone.dial(leg)
        session = await at.model.next_session()
        await session.expect("response.create")
        told = [
            await _interrupted(session, story, float(moment))
            for story, moment in zip(stories, moments, strict=True)
        ]
        heard = (await at.phone.recording()).heard
    off = np.zeros(number)
    place = 0
    for n, (story, said) in enumerate(zip(stories, told, strict=True)):
        found = hear(heard[place : place + _NEXT], for_phone(story), _BEGINNING)
        last = int(np.flatnonzero(found.pieces)[-1]) + 1
        # A sample that comes behind a gap was to be flushed.
        assert found.pieces[:last].mean() > WHOLE, (n, said, found.pieces)
        off[n] = said - last * _PIECE_MS
        place += max(0, found.at)
    p99_ms = float(np.percentile(np.abs(off), 99))
    figure(
        f"{leg.name}: truncated {np.median(off):+.0f} ms (median of {number}; "
        f"p99 of the difference {p99_ms:.0f} ms, worst {np.abs(off).max():.0f} ms) "
        "from what the phone played"
    )
    assert p99_ms <= _TRUNCATE_MS[leg]
