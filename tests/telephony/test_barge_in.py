"""What the model is told that the caller heard, and what the caller did hear."""

from pathlib import Path

import numpy as np
import pytest
import trio

from tests.peers.model import ScriptedSession

from .asterisk import Asterisk
from .calls import Leg, scene
from .conftest import Figure
from .phones import RATE_HZ, Phone, Samples, ms
from .sounds import NOTHING, WHOLE, for_phone, hear, loud, noise, pcm_for_phone

_BARGE_INS = {Leg.ASTERISK: 50, Leg.AVR_CORE: 6}
_STORY_MS, _BURST_MS = 1500, 160
# The next story begins so soon after the last word of the one before.
_NEXT = 3 * RATE_HZ
# By what a story is found: so much of it is always played.
_BEGINNING = slice(RATE_HZ // 20, RATE_HZ * 3 // 20)
_TRUNCATE_MS = {Leg.ASTERISK: 20, Leg.AVR_CORE: 150}
_PIECE_MS = 10
_PIECE = RATE_HZ * _PIECE_MS // 1000
# How long the embedded model's detector takes with the onset of a word.
_DETECTOR_MS = 85
_HUSH_MS = {Leg.ASTERISK: 150, Leg.AVR_CORE: 250}
# At the model; the caller's line is silent but for the bursts.
_LOUD = 1000
# Of what the model gets: 20 ms.
_STEP = 960
_CHANCE = np.random.default_rng()
_BURST = pcm_for_phone(noise(_BURST_MS, 99))


async def _interrupted(caller: Phone, session: ScriptedSession, story: bytes) -> int:
    """Tell a story that the caller interrupts; what was said to be heard of it.

    The model hears the first loud sample: what else a detector takes is its own affair.
    """
    response = await session.begin()
    await response.say(story, "Once upon a time.")
    await caller.answered()
    await trio.sleep(float(_CHANCE.uniform(0.15, 0.55)))
    before = len(session.audio)
    await caller.say(_BURST)
    while not _is_loud(session.audio[before:]):
        before = max(before, len(session.audio) - _STEP)
        await session.hears(len(session.audio) + 1)
    item_id = await session.speech_started()
    await response.done("cancelled", reason="turn_detected")
    told = await session.expect("conversation.item.truncate")
    await session.speech_stopped(item_id, 500)
    await caller.wait("silence", after=len(caller.of("sound")) - 1)
    return int(told["audio_end_ms"])


def _is_loud(audio: bytes | bytearray) -> bool:
    samples = np.frombuffer(audio[: len(audio) // 2 * 2], "<i2").astype(np.int32)
    return bool((np.abs(samples) > _LOUD).any())


def _silent_from(heard: Samples, ended: int) -> int:
    """Where silence begins behind the last sample; a phone stretches that to hide a gap."""
    places = loud(heard[ended : ended + RATE_HZ // 5])
    gaps = np.flatnonzero(np.diff(places, prepend=-1) > RATE_HZ // 50)
    whole = places[: gaps[0]] if len(gaps) else places
    return ended + (int(whole[-1]) + 1 if len(whole) else 0)


def _bursts(said: Samples) -> list[int]:
    """Where each of the caller's sounds begins."""
    places = loud(said)
    begins = np.diff(places, prepend=-RATE_HZ) > RATE_HZ // 20
    return [int(place) for place in places[begins]]


@pytest.mark.parametrize("leg", Leg, ids=lambda leg: leg.name)
async def test_the_model_is_told_what_the_phone_has_played(
    leg: Leg, asterisk: Asterisk, tmp_path: Path, figure: Figure
) -> None:
    number = _BARGE_INS[leg]
    stories = [noise(_STORY_MS, 100 + n) for n in range(number)]
    async with scene(asterisk, leg, tmp_path) as at:
        await at.phone.dial(leg)
        session = await at.model.next_session()
        await session.expect("response.create")
        told = [await _interrupted(at.phone, session, story) for story in stories]
        recording = await at.phone.recording()
    heard, bursts = recording.heard, _bursts(recording.said)
    assert len(bursts) == number
    off, hush = np.zeros(number), np.zeros(number)
    place = 0
    for n, (story, said) in enumerate(zip(stories, told, strict=True)):
        near, wanted = heard[place : place + _NEXT], for_phone(story)
        found = hear(near, wanted, _BEGINNING)
        last = int(np.flatnonzero(found.pieces)[-1]) + 1
        # What comes behind a gap, or later still, was to be flushed.
        assert found.pieces[:last].mean() > WHOLE, (n, said, found.pieces)
        flushed = wanted[last * _PIECE + 2 * _PIECE :]
        assert hear(near, flushed).part < NOTHING, (n, said, last)
        off[n] = said - last * _PIECE_MS
        ended = place + found.at + last * _PIECE
        hush[n] = ms(_silent_from(heard, ended) - bursts[n])
        place += max(0, found.at)
    p99_ms = float(np.percentile(np.abs(off), 99))
    figure(
        f"{leg.name}: truncated {np.median(off):+.0f} ms (median of {number}; "
        f"p99 of the difference {p99_ms:.0f} ms, worst {np.abs(off).max():.0f} ms) "
        "from what the phone played"
    )
    best_ms, median_ms = np.percentile(hush, [10, 50])
    figure(
        f"{leg.name}: from the caller's first sample to the agent's last at the phone "
        f"{median_ms:.0f} ms (median; the best tenth {best_ms:.0f} ms), and "
        f"{_DETECTOR_MS} ms more with a model's detector"
    )
    # The others had to wait for this machine's other work.
    assert np.percentile(np.abs(off), 90) <= _TRUNCATE_MS[leg]
    assert best_ms + _DETECTOR_MS <= _HUSH_MS[leg]
