"""A caller who hangs up, at whatever moment, leaves nothing open anywhere."""

from pathlib import Path

import numpy as np
import pytest
import trio

from tests.peers.model import Gone, Missed, ScriptedSession

from .asterisk import Asterisk
from .calls import Leg, nothing_is_left, scene
from .phones import phone
from .sounds import noise, pcm_for_phone

_CALLS = {Leg.ASTERISK: 6, Leg.AVR_CORE: 2}
_LONGEST_S = 2.5


async def _lively(session: ScriptedSession) -> None:
    """A model that takes its time, greets, is interrupted, and says goodbye."""
    await session.create()
    await session.expect("session.update")
    await trio.sleep(0.3)
    await session.update()
    try:
        await session.expect("response.create")
        response = await session.begin()
        await response.say(noise(2000, 51), "Good morning.")
        await trio.sleep(0.6)
        item_id = await session.speech_started()
        await response.done("cancelled", reason="turn_detected")
        await session.speech_stopped(item_id, 500)
        async with session.response() as goodbye:
            await goodbye.say(noise(900, 52), "Goodbye.")
            await goodbye.call("avr_hangup")
    except (Gone, Missed):
        return


@pytest.mark.parametrize("leg", Leg, ids=lambda leg: leg.name)
async def test_whenever_the_caller_hangs_up_nothing_is_left(
    leg: Leg, asterisk: Asterisk, tmp_path: Path
) -> None:
    moments = np.random.default_rng().uniform(0, _LONGEST_S, _CALLS[leg])
    async with scene(asterisk, leg, tmp_path, _lively) as at:
        for moment in moments:
            async with phone(tmp_path) as caller:
                await caller.dial(leg)
                await caller.say(pcm_for_phone(noise(3000, 53)))
                await trio.sleep(float(moment))
                await caller.hang_up()
                await caller.over()
                await nothing_is_left(asterisk, at.service, at.core)
