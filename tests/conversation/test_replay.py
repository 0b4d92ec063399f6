"""What is kept of the caller for a session that may drop: how much, and how good."""

import tracemalloc

import numpy as np
import pytest

from trio_sts.conversation.parts.replay import Replay

EACH = pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000])
_FRAME_S = 0.02


def _tone(rate_hz: int, seconds: float) -> bytes:
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    wave = np.rint(9_000 * np.sin(2 * np.pi * 1_000 * time_s))
    return bytes(wave.astype("<i2"))


def _spoken(rate_hz: int, seconds: float) -> Replay:
    """A caller who speaks all the time, and is not answered."""
    replay, size = Replay(rate_hz=rate_hz), rate_hz // 50 * 2
    sound = _tone(rate_hz, 1)
    for n in range(round(seconds / _FRAME_S)):
        frame = sound[n % 50 * size : (n % 50 + 1) * size]
        replay.sent(frame, n * _FRAME_S, speaks=True, spoke_at=n * _FRAME_S)
    return replay


@EACH
def test_what_was_said_comes_back_as_telephone_sound(rate_hz: int) -> None:
    sent, got = _tone(rate_hz, 4), _spoken(rate_hz, 4).take()
    assert len(got) == len(sent)
    heard, said = (np.frombuffer(pcm, "<i2").astype(float) for pcm in (got, sent))
    level = np.abs(np.fft.rfft(heard)) / np.abs(np.fft.rfft(said)).max()
    tone = 4 * 1_000
    assert level[tone] == pytest.approx(1, abs=0.05)
    # All else is what mu-law adds; 38 dB in the middle of its range.
    level[tone - 40 : tone + 40] = 0
    assert 10 * np.log10((level**2).sum()) < -30


@EACH
def test_ten_seconds_are_kept_turn_or_not(rate_hz: int) -> None:
    for commit in (False, True):
        replay = _spoken(rate_hz, 25)
        if commit:
            replay.committed("item")
            assert replay.turn == "item"
        assert len(replay.take()) == 10 * rate_hz * 2
        assert replay.take() == b""
        assert not replay.turn


@EACH
def test_they_take_the_same_room_at_every_rate(rate_hz: int) -> None:
    _spoken(rate_hz, 1)
    tracemalloc.start()
    try:
        replay = _spoken(rate_hz, 25)
        now, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A second of it as it came, and a bytearray has an eighth to spare.
    assert now < 1.25 * (80_000 + 2 * rate_hz)
    assert len(replay.take()) == 10 * rate_hz * 2


def test_a_flood_of_tiny_messages_takes_no_more_room_than_its_sound() -> None:
    sound = _tone(24_000, 1)
    tracemalloc.start()
    try:
        replay = Replay(rate_hz=24_000)
        for at in range(0, len(sound), 2):
            replay.sent(
                sound[at : at + 2], 0.5 * at / len(sound), speaks=False, spoke_at=-9
            )
        now, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert now < len(sound) + 30_000
    assert len(replay.take()) == len(sound)
