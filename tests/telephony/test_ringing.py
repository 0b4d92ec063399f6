"""The caller hears ringing until the agent is there; where there is none, a human comes."""

from functools import partial
from pathlib import Path

import trio

from tests.peers.model import ScriptedSession, scripted_model

from .asterisk import Asterisk
from .calls import Leg, answering, nothing_is_left, scene
from .phones import phone
from .sounds import WHOLE, for_phone, hear, noise, pcm_for_phone

_RINGS_S = 1.0
_RINGING, _OK = ("EARLY", 180), ("CONFIRMED", 200)
# Where the shipped fallback ends: the phone of the queue's one member.
RECEPTION = 5070


async def _late(ready: trio.Event, session: ScriptedSession) -> None:
    """A model that agrees only when it is told to."""
    await session.create()
    await session.expect("session.update")
    await ready.wait()
    await session.update()


async def test_it_rings_until_the_greeting_is_there(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    ready = trio.Event()
    greeting = noise(600, 11)
    async with scene(asterisk, Leg.ASTERISK, tmp_path, partial(_late, ready)) as at:
        await at.phone.dial(Leg.ASTERISK)
        connection = await at.model.next_connection()
        await at.phone.until(lambda: _RINGING in at.phone.states, "180", within_s=5)
        await trio.sleep(_RINGS_S)
        assert _OK not in at.phone.states
        ready.set()
        await connection.expect("response.create")
        await trio.sleep(_RINGS_S)
        # The model is ready, but has said nothing yet.
        assert _OK not in at.phone.states
        async with connection.response() as response:
            await response.say(greeting, "Good morning.")
        await at.phone.answered()
        await at.phone.hears_out(0)
        heard = (await at.phone.recording()).heard
    assert hear(heard, for_phone(greeting)).part > WHOLE
    assert at.phone.states.index(_RINGING) < at.phone.states.index(_OK)


async def test_a_model_that_cannot_be_had_is_never_answered_and_a_human_comes(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    voice = noise(600, 12)
    async with (
        scripted_model(refuse=[401] * 20) as model,
        answering(model.base_url, Leg.ASTERISK, STS_APOLOGY="on") as (service, core),
        phone(tmp_path, "reception", port=RECEPTION) as human,
        phone(tmp_path) as caller,
    ):
        await caller.dial(Leg.ASTERISK)
        await human.wait("incoming")
        # The human answers at once, and only then is the caller answered.
        await human.answered()
        await caller.answered()
        await human.say(pcm_for_phone(voice))
        await human.wait("said")
        await caller.hears_out(0)
        heard = (await caller.recording()).heard
        await human.hang_up()
        await caller.over()
        await nothing_is_left(asterisk, service, core)
    assert hear(heard, for_phone(voice)).part > WHOLE
    loud_before = caller.of("media")[0]["frame"] * 320
    assert not heard[:loud_before].any()


async def test_a_service_that_is_away_costs_seconds_and_then_a_human_comes(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    async with (
        phone(tmp_path, "reception", port=RECEPTION) as human,
        phone(tmp_path) as caller,
    ):
        await caller.dial(Leg.ASTERISK)
        await human.wait("incoming")
        await caller.answered()
        await caller.hang_up()
        await human.over()
