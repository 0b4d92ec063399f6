"""Calls that are recorded: the file against what was said and played."""

import os
import stat
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile  # pyright: ignore[reportMissingTypeStubs]
import trio
from attrs import frozen
from trio.testing import MockClock

from tests.peers.core import FakeCore, calling
from tests.peers.model import (
    Script,
    ScriptedModel,
    ScriptedSession,
    agree,
    scripted_model,
)
from tests.peers.playing import Line
from trio_sts.audio.g711 import MU_LAW

from .kit import log
from .service import serving

Samples = npt.NDArray[np.int16]

_FRAME = 160


def tone(hz: float, ms: int, rate_hz: int = 8000, at: int = 0) -> bytes:
    n = np.arange(at, at + ms * rate_hz // 1000)
    return (8000 * np.cos(2 * np.pi * hz * n / rate_hz)).astype("<i2").tobytes()


def agent_tone(hz: float, ms: int) -> bytes:
    """For the model's side: PCM at 24 kHz."""
    return tone(hz, ms, 24_000)


def caller_voice(slot: int) -> bytes:
    """A tone that is never cut, and every third second a silence."""
    if slot % 150 >= 100:
        return bytes(320)
    return tone(310, 20, at=slot * _FRAME)


def as_g711(pcm: bytes) -> Samples:
    return np.frombuffer(MU_LAW.decode(MU_LAW.encode(pcm)), "<i2")


def read(folder: Path) -> tuple[Samples, Samples]:
    """Caller and agent of the only recording, by a library that is not ours."""
    (path,) = folder.glob("*.wav")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    info = soundfile.info(path)
    assert (info.format, info.subtype) == ("WAV", "ULAW")
    samples, rate_hz = soundfile.read(path, dtype="int16")
    assert rate_hz == 8000
    left, right = np.asarray(samples, np.int16).T
    return left, right


def loud(samples: Samples) -> int:
    """How many frames can be heard."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    return int(np.count_nonzero(np.abs(frames).max(axis=1) > 500))


def agrees(folder: Path, line: Line) -> None:
    """Every 20 ms of both sides are what was said and played, sample by sample."""
    caller, agent = read(folder)
    said, heard = as_g711(b"".join(line.said)), as_g711(b"".join(line.heard))
    begins = int(np.flatnonzero(caller)[0] - np.flatnonzero(said)[0])
    for slot in range(len(line.said)):
        window = slice(begins + slot * _FRAME, begins + (slot + 1) * _FRAME)
        of_slot = slice(slot * _FRAME, (slot + 1) * _FRAME)
        assert np.array_equal(caller[window], said[of_slot]), f"caller, slot {slot}"
        assert np.array_equal(agent[window], heard[of_slot]), f"agent, slot {slot}"
    # And nothing else.
    assert not caller[:begins].any()
    assert not agent[:begins].any()
    rest = begins + len(said)
    assert not caller[rest:].any()
    assert len(caller) - rest <= _FRAME


@frozen
class Recorded:
    """A call with a stand-in that plays, and what is kept of it."""

    core: FakeCore
    line: Line
    model: ScriptedModel
    folder: Path

    async def greet(self) -> ScriptedSession:
        """The session, once its greeting was asked for."""
        session = await self.model.next_session()
        await session.expect("response.create")
        return session


@asynccontextmanager
async def recorded(
    folder: Path,
    script: Script = agree,
    *,
    init_after_s: float = 0.0314,
    connect_budget_s: float = 20,
    **init: object,
) -> AsyncGenerator[Recorded]:
    """Hold a recorded call until the block ends, or the service closes it."""
    with log():
        async with (
            scripted_model(script) as model,
            serving(
                model.base_url,
                STS_RECORD_DIR=str(folder / "calls"),
                STS_RECORD_AUDIO="on",
                STS_SILENCE_PROMPT_S="0",
                STS_APOLOGY="",
                STS_CONNECT_BUDGET_S=str(connect_budget_s),
            ) as service,
            calling(service.url) as core,
        ):
            line = Line(core)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(line.hold, caller_voice)
                await trio.sleep(init_after_s)
                await core.init("call-1", **init)
                yield Recorded(core, line, model, folder / "calls")
                nursery.cancel_scope.cancel(reason="the caller hangs up")
            await core.hang_up()


@pytest.mark.parametrize("offset_ms", [1, 6, 11, 19])
async def test_every_20_ms_are_what_was_said_and_what_was_played(
    swift_clock: MockClock, tmp_path: Path, offset_ms: int
) -> None:
    async with recorded(tmp_path) as call:
        session, line = await call.greet(), call.line

        async def at(slot: int) -> None:
            """A moment between two frames of the caller's."""
            due = line.began_at + slot * 0.02 + offset_ms / 1000
            await trio.sleep_until(due)

        await at(20)
        async with session.response() as response:
            await response.say(agent_tone(700, 900), "Hello.")
        await at(100)
        # A long answer, and the caller speaks in the middle of it.
        long = await session.begin()
        await long.say(agent_tone(900, 6000), "A long story.", finish=False)
        await at(163)
        turn = await session.speech_started()
        await long.done("cancelled", reason="turn_detected")
        await at(200)
        await session.speech_stopped(turn)
        async with session.response() as response:
            await response.say(agent_tone(1100, 400), "Yes?")
        await at(260)
        # Two of them, the second one cut before it is heard.
        async with session.response() as response:
            await response.say(agent_tone(700, 200), "Well,")
            await response.say(agent_tone(1300, 2000), "it is so.")
        await at(268)
        turn = await session.speech_started()
        await at(300)
        await session.speech_stopped(turn)
        # The caller hangs up while this is heard.
        async with session.response() as response:
            await response.say(agent_tone(1500, 3000), "Where were we?")
        await at(340)
    agrees(call.folder, line)
    heard = loud(np.frombuffer(b"".join(line.heard), "<i2"))
    assert len(call.core.of("interruption")) == 2
    # 0.9 s, 1.3 s of 6, 0.4 s, 0.2 s and 0.8 s: no test of silence.
    assert heard >= 45 + 60 + 20 + 8 + 35


async def test_a_waiting_caller_hears_the_hold_sound_and_so_does_who_listens_later(
    swift_clock: MockClock, tmp_path: Path
) -> None:
    async def late(session: ScriptedSession) -> None:
        await trio.sleep(3.005)
        await session.set_up()

    async with recorded(tmp_path, late) as call:
        session = await call.greet()
        async with session.response() as response:
            await response.say(agent_tone(700, 600), "Hello.")
        await trio.sleep(1.013)
    agrees(call.folder, call.line)
    heard = np.frombuffer(b"".join(call.line.heard), "<i2")
    # Quiet, and then a voice.
    assert 0 < np.abs(heard[: 2 * 8000 + 7000]).max() < 1000
    assert loud(heard) >= 29


async def test_what_was_said_before_init_is_in_its_place(
    swift_clock: MockClock, tmp_path: Path
) -> None:
    async with recorded(tmp_path, init_after_s=6.0071) as call:
        session = await call.greet()
        async with session.response() as response:
            await response.say(agent_tone(700, 600), "Hello.")
        await trio.sleep(1)
    agrees(call.folder, call.line)
    assert len(call.line.said) >= 350


async def test_a_caller_who_cannot_be_served_is_recorded_to_the_last_word(
    swift_clock: MockClock, tmp_path: Path
) -> None:
    async def never(session: ScriptedSession) -> None:
        await session.close(1011, "no")

    async with recorded(tmp_path, never, connect_budget_s=5) as call:
        assert await call.core.wait_closed(30) == 1011
    agrees(call.folder, call.line)
    heard = np.frombuffer(b"".join(call.line.heard), "<i2")
    # The apology takes some seconds.
    assert loud(heard) > 100


async def test_a_call_that_is_not_to_be_recorded_leaves_nothing(
    swift_clock: MockClock, tmp_path: Path
) -> None:
    async with recorded(tmp_path, provider_config={"record": False}) as call:
        session = await call.greet()
        async with session.response() as response:
            await response.say(agent_tone(700, 600), "Hello.")
        await trio.sleep(2)
    assert not [*os.listdir(call.folder)]


async def test_the_recording_has_the_name_of_the_call_file(
    swift_clock: MockClock, tmp_path: Path
) -> None:
    async with recorded(tmp_path) as call:
        await call.greet()
        await trio.sleep(1)
    first, second = sorted(os.listdir(call.folder))
    assert (Path(first).suffix, Path(second).suffix) == (".call", ".wav")
    assert Path(first).stem == Path(second).stem
