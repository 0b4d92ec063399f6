"""What a call sounds like: wideband both ways, any codec, and nobody else's voice."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soxr  # pyright: ignore[reportMissingTypeStubs]

from .asterisk import Asterisk
from .calls import Leg, Scene, scene
from .conftest import Figure
from .phones import RATE_HZ, Phone, Recording, Samples, phone
from .sounds import (
    MODEL_HZ,
    NOTHING,
    WHOLE,
    WIDE_HZ,
    energy,
    find,
    for_phone,
    hear,
    noise,
    pcm_for_phone,
)

if TYPE_CHECKING:
    from tests.peers.model import ScriptedSession

# What no narrow line carries.
_ABOVE_HZ = (3400, 7000)
_MS = 800
# Extension, and the phone: its endpoint in Asterisk and its codec.
_CODECS = {
    "slin": ("5108", "narrowband", "PCMU"),
    "slin16, plain form": ("5116", "wideband", "G722"),
    "ulaw": ("5101", "narrowband", "PCMU"),
    "alaw": ("5102", "european", "PCMA"),
}


def _of_model(audio: bytes) -> Samples:
    """What the model was sent, as the samples of a phone's recording."""
    samples = np.frombuffer(audio, "<i2").astype(np.float64)
    heard: Samples = soxr.resample(samples, MODEL_HZ, RATE_HZ)
    return heard


async def _spoken_both_ways(
    at: Scene, extension: str, agent: bytes, caller: bytes, by: Phone | None = None
) -> tuple[Recording, Samples]:
    """Each says something to the other; what the phone has, and what the model got."""
    telephone = by or at.phone
    await telephone.dial(extension)
    session = await at.model.next_session()
    await session.expect("response.create")
    async with session.response() as response:
        await response.say(agent, "Good morning.")
    await telephone.answered()
    await telephone.hears_out(0)
    before = len(session.audio)
    await telephone.say(pcm_for_phone(caller))
    await telephone.wait("said")
    audio = await session.heard(before + (_MS + 500) * MODEL_HZ // 1000 * 2)
    return await telephone.recording(), _of_model(audio)


@pytest.mark.parametrize("leg", Leg, ids=lambda leg: leg.name)
async def test_what_is_above_the_telephones_band(
    leg: Leg, asterisk: Asterisk, tmp_path: Path, figure: Figure
) -> None:
    agent, caller = noise(_MS, 31, WIDE_HZ), noise(_MS, 32, WIDE_HZ)
    async with scene(asterisk, leg, tmp_path) as at:
        recording, model = await _spoken_both_ways(at, leg, agent, caller)
    parts: list[float] = []
    for samples, sound in ((recording.heard, agent), (model, caller)):
        wanted = for_phone(sound)
        begins = find(samples, wanted)
        parts.append(energy(samples[begins : begins + len(wanted)], _ABOVE_HZ))
    figure(
        f"{leg.name}: energy between 3.4 and 7 kHz at the phone {parts[0]:.0%}, "
        f"at the model {parts[1]:.0%}, of {energy(for_phone(agent), _ABOVE_HZ):.0%}"
    )
    wide = leg is Leg.ASTERISK
    assert [part > 0.3 for part in parts] == [wide, wide]
    if not wide:
        assert max(parts) < 0.15


async def test_asterisks_own_recording_is_wideband(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    agent, caller = noise(_MS, 33, WIDE_HZ), noise(_MS, 34, WIDE_HZ)
    async with scene(asterisk, Leg.ASTERISK, tmp_path) as at:
        await _spoken_both_ways(at, "5001", agent, caller)
    (path,) = (asterisk.home / "spool").glob("*.sln16")
    samples = np.frombuffer(path.read_bytes(), "<i2").astype(np.float64)
    for sound in (agent, caller):
        wanted = for_phone(sound)
        found = hear(samples, wanted)
        assert found.part > WHOLE
        assert energy(samples[found.at : found.at + len(wanted)], _ABOVE_HZ) > 0.3


@pytest.mark.parametrize("codec", _CODECS)
async def test_every_codec_carries_both(
    codec: str, asterisk: Asterisk, tmp_path: Path
) -> None:
    extension, user, of_phone = _CODECS[codec]
    agent, caller = noise(_MS, 35), noise(_MS, 36)
    async with scene(asterisk, Leg.ASTERISK, tmp_path, user=user, codec=of_phone) as at:
        recording, model = await _spoken_both_ways(at, extension, agent, caller)
        assert at.phone.of("media")[0]["codec"] == of_phone
    assert hear(recording.heard, for_phone(agent)).part > WHOLE
    assert hear(model, for_phone(caller)).part > WHOLE


async def test_two_calls_at_once_do_not_mix(asterisk: Asterisk, tmp_path: Path) -> None:
    agents = [noise(1500, 41), noise(1500, 42)]
    callers = [noise(1500, 43), noise(1500, 44)]
    async with (
        scene(asterisk, Leg.ASTERISK, tmp_path) as at,
        phone(tmp_path, "narrowband", "PCMU") as other,
    ):
        phones = [at.phone, other]
        sessions: list[ScriptedSession] = []
        for each in phones:
            await each.dial(Leg.ASTERISK)
            sessions.append(await at.model.next_session())
            await sessions[-1].expect("response.create")
        for each, session, agent, caller in zip(
            phones, sessions, agents, callers, strict=True
        ):
            async with session.response() as response:
                await response.say(agent, "Good morning.")
            await each.answered()
            await each.say(pcm_for_phone(caller))
        for each in phones:
            await each.wait("said")
        sizes = [len(session.audio) + MODEL_HZ for session in sessions]
        audio = [
            _of_model(await session.heard(size))
            for session, size in zip(sessions, sizes, strict=True)
        ]
        heard = [(await each.recording()).heard for each in phones]
        await other.hang_up()
    for own, foreign in ((0, 1), (1, 0)):
        assert hear(heard[own], for_phone(agents[own])).part > WHOLE
        assert hear(heard[own], for_phone(agents[foreign])).part < NOTHING
        assert hear(audio[own], for_phone(callers[own])).part > WHOLE
        assert hear(audio[own], for_phone(callers[foreign])).part < NOTHING
