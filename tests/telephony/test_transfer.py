"""A transfer arrives at the other extension, whoever tells the dialplan where to go on."""

from pathlib import Path

import pytest
from attrs import frozen

from .asterisk import Asterisk
from .calls import Leg, scene
from .phones import phone
from .sounds import WHOLE, for_phone, hear, noise, pcm_for_phone
from .test_ringing import RECEPTION

_ARI = {
    "STS_ARI_URL": "http://127.0.0.1:8088/ari",
    "STS_ARI_USER": "trio-sts",
    "STS_ARI_PASSWORD": "change-me",
}


@frozen
class Way:
    """How the dialplan, or the channel, learns where to go."""

    name: str
    leg: Leg
    environ: dict[str, str]


_WAYS = (
    Way("dialplan", Leg.ASTERISK, {}),
    Way("ari", Leg.ASTERISK, _ARI),
    Way("ami", Leg.AVR_CORE, {}),
)


@pytest.mark.parametrize("way", _WAYS, ids=lambda way: way.name)
async def test_the_caller_comes_to_whom_the_agent_names(
    way: Way, asterisk: Asterisk, tmp_path: Path
) -> None:
    goodbye, voice = noise(800, 21), noise(800, 22)
    async with (
        scene(asterisk, way.leg, tmp_path, **way.environ) as at,
        phone(tmp_path, "reception", port=RECEPTION) as human,
    ):
        await at.phone.dial(way.leg)
        session = await at.model.next_session()
        await session.expect("response.create")
        async with session.response() as response:
            await response.say(goodbye, "I am transferring you.")
            await response.call("avr_transfer", '{"transfer_extension": "200"}')
        await human.wait("incoming")
        await human.answered()
        sounds = len(at.phone.of("sound"))
        await human.say(pcm_for_phone(voice))
        await human.wait("said")
        await at.phone.hears_out(sounds)
        heard = (await at.phone.recording()).heard
        await human.hang_up()
        await at.phone.over()
    first, second = hear(heard, for_phone(goodbye)), hear(heard, for_phone(voice))
    assert first.part > WHOLE
    assert second.part > WHOLE
    # It was announced whole before the caller went.
    assert second.at >= first.at + len(for_phone(goodbye))


async def test_an_extension_that_is_not_there_ends_with_a_human(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    async with (
        scene(asterisk, Leg.ASTERISK, tmp_path) as at,
        phone(tmp_path, "reception", port=RECEPTION) as human,
    ):
        await at.phone.dial(Leg.ASTERISK)
        session = await at.model.next_session()
        await session.expect("response.create")
        async with session.response() as response:
            await response.say(noise(300, 23), "I am transferring you.")
            await response.call("avr_transfer", '{"transfer_extension": "999"}')
        await human.wait("incoming")
        await at.phone.hang_up()
        await human.over()
