"""What the model is told that the caller heard, and what the caller did hear."""

from pathlib import Path

import numpy as np
import pytest
import trio

from tests.peers.model import ScriptedSession

from .asterisk import Asterisk
from .calls import Leg, scene
from .conftest import Figure
from .phones import RATE_HZ, Samples
from .sounds import HEARD, find, for_phone, noise, pieces

_BARGE_INS = 50
_STORY_MS = 2500
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


def _heard_ms(heard: Samples, story: Samples) -> tuple[float, bool]:
    """How much of a story was heard, and whether anything was heard behind a gap."""
    begins = find(heard, story[RATE_HZ // 10 : RATE_HZ // 4]).at - RATE_HZ // 10
    found = np.flatnonzero(pieces(heard, story, begins) > HEARD)
    last = int(found[-1])
    # The phone may spoil some pieces inside, but not half of them.
    return (last + 1) * _PIECE_MS, len(found) < (last + 1) / 2


@pytest.mark.parametrize("leg", Leg, ids=lambda leg: leg.name)
async def test_the_model_is_told_what_the_phone_has_played(
    leg: Leg, asterisk: Asterisk, tmp_path: Path, figure: Figure
) -> None:
    chance = np.random.default_rng()
    moments = chance.uniform(0.25, 0.9, _BARGE_INS)
    stories = [noise(_STORY_MS, 100 + n) for n in range(_BARGE_INS)]
    async with scene(asterisk, leg, tmp_path) as at:
        await at.phone.dial(leg)
        session = await at.model.next_session()
        await session.expect("response.create")
        told = [
            await _interrupted(session, story, float(moment))
            for story, moment in zip(stories, moments, strict=True)
        ]
        heard = (await at.phone.recording()).heard
    off = np.zeros(_BARGE_INS)
    for n, (story, said) in enumerate(zip(stories, told, strict=True)):
        played_ms, broken = _heard_ms(heard, for_phone(story))
        assert not broken, f"story {n}: {played_ms} ms, told {said}"
        off[n] = said - played_ms
    p99_ms = float(np.percentile(np.abs(off), 99))
    figure(
        f"{leg.name}: truncated {np.median(off):+.0f} ms (median of {_BARGE_INS}; "
        f"p99 of the difference {p99_ms:.0f} ms, worst {np.abs(off).max():.0f} ms) "
        "from what the phone played"
    )
    assert p99_ms <= _TRUNCATE_MS[leg]
