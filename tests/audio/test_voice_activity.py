"""Voice activity detection: what is speech, what is none, in any chunks."""

import struct
import sys
from ast import literal_eval
from itertools import pairwise
from math import pi, sin
from pathlib import Path
from subprocess import run

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.labelled import non_speech, utterances
from bench.labelled.sound import at_dbov, to_pcm
from bench.voice_activity import heard_in, heard_within
from trio_sts.audio.framing import FRAME_BYTES, frame_bytes
from trio_sts.audio.resample import resample_whole
from trio_sts.audio.voice_activity import BATCH_MS, VoiceActivityDetector
from trio_sts.embedded.speech.voice import CALLERS, speak

pytest.importorskip("espeakng_loader", reason="the extra trio-sts[demo] is missing")

ROOT = Path(__file__).parents[2]
BATCH_BYTES = BATCH_MS * 16
SPOKEN = next(utterances(1)).pcm


# With as much above 4 kHz as speech has.
HISSING = (
    "she sells sea shells",
    "six hissing snakes",
    "yes please",
    "Thursday at half past three",
    "my number is four seven one one",
    "I would like to speak to somebody please",
)
WIDE = pytest.mark.parametrize("rate_hz", [16_000, 24_000])


def detect(*chunks: bytes, rate_hz: int = 8_000) -> bytes:
    detector = VoiceActivityDetector(rate_hz)
    return b"".join(map(detector.feed, chunks))


def wideband(text: str, voice: str, rate_hz: int) -> bytes:
    """Between two half seconds, over noise up to half the rate that is 20 dB below."""
    speech = np.frombuffer(speak(text, voice=voice, rate_hz=rate_hz), "<i2") / 32_768
    samples = np.pad(at_dbov(speech, -26), rate_hz // 2)
    samples = np.pad(samples, (0, -len(samples) % (rate_hz // 10)))
    noise = np.random.default_rng(4).normal(0, 10 ** (-46 / 20), len(samples))
    return to_pcm(samples + noise)


def tone(*hz: float, dbov: float, seconds: float) -> bytes:
    size = 32768 * 10 ** (dbov / 20) * (2 / len(hz)) ** 0.5
    return b"".join(
        struct.pack("<h", round(size * sum(sin(2 * pi * f * n / 8000) for f in hz)))
        for n in range(int(seconds * 8000))
    )


def test_speech_is_seen_in_99_of_100_utterances() -> None:
    """The demo's sentences among them; noise of five kinds is 20 dB below.

    espeak-ng remembers what it spoke before: in a process of its own it speaks the same.
    """
    code = (
        "from bench.labelled import utterances\n"
        "from bench.voice_activity import heard_within\n"
        "print([piece.kind for piece in utterances(400) if not heard_within(piece)])"
    )
    command = [sys.executable, "-c", code]
    told = run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert len(literal_eval(told.stdout)) <= 4, told.stdout


def test_it_is_seen_soon() -> None:
    late = 0
    for piece in utterances(100, seed=4):
        begin_ms, _ = piece.speech_ms or (0, 0)
        within = heard_within(piece)
        late += not within or within[0] - begin_ms > 600
    assert late <= 5


def test_nothing_is_heard_in_ten_minutes_without_speech() -> None:
    pieces = list(non_speech(600))
    assert sum(piece.duration_s for piece in pieces) >= 600
    assert [piece.kind for piece in pieces if heard_in(piece)] == []


def test_noise_before_speech_is_none_and_speech_ends_with_it() -> None:
    for piece in utterances(60, seed=3):
        begin_ms, end_ms = piece.speech_ms or (0, 0)
        heard = heard_in(piece)
        # Babble is speech.
        if "babble" not in piece.kind:
            assert all(begin_ms < ms <= end_ms + 250 for ms in heard), piece.kind


@pytest.mark.parametrize("dbov", [-13, -20, -30])
def test_ringback_that_begins_suddenly_is_no_speech(dbov: float) -> None:
    burst = tone(440, 480, dbov=dbov, seconds=0.4)
    assert 1 not in detect((burst + bytes(3_200)) * 10)


def test_speech_after_a_minute_of_it_is_still_heard() -> None:
    pause = bytes(BATCH_BYTES * 5)
    heard = detect(*[SPOKEN + pause] * 20)
    frames = len(SPOKEN + pause) // FRAME_BYTES
    parts = [heard[a:b] for a, b in pairwise(range(0, len(heard) + 1, frames))]
    assert all(1 in part for part in parts)


@given(cuts=st.lists(st.integers(0, len(SPOKEN)), max_size=60))
def test_chunks_make_no_difference(cuts: list[int]) -> None:
    at = [0, *sorted(cuts), len(SPOKEN)]
    assert detect(*[SPOKEN[a:b] for a, b in pairwise(at)]) == detect(SPOKEN)


def test_single_bytes_make_no_difference() -> None:
    assert detect(*[bytes([byte]) for byte in SPOKEN]) == detect(SPOKEN)


@given(chunks=st.lists(st.binary(max_size=4_000), max_size=20))
def test_any_bytes_give_one_result_for_each_frame(chunks: list[bytes]) -> None:
    found = detect(*chunks)
    whole = sum(map(len, chunks)) // BATCH_BYTES
    assert len(found) == whole * (BATCH_BYTES // FRAME_BYTES)
    assert set(found) <= {0, 1}


@given(offset=st.integers(-32_768, 32_767), batches=st.integers(1, 30))
@settings(max_examples=30)
def test_silence_is_never_speech_whatever_its_offset(offset: int, batches: int) -> None:
    sample = struct.pack("<h", offset)
    assert 1 not in detect(sample * (batches * BATCH_BYTES // 2))


def test_after_silence_what_was_said_is_forgotten() -> None:
    heard = detect(SPOKEN + bytes(BATCH_BYTES * 10))
    assert 1 in heard
    assert 1 not in heard[-40:]


def test_it_is_kept_small() -> None:
    detector = VoiceActivityDetector()
    for _ in range(100):
        detector.feed(SPOKEN[:333])
        assert detector.waiting_ms < BATCH_MS


def test_what_is_no_speech_is_the_same_every_time() -> None:
    assert list(non_speech(300, seed=8)) == list(non_speech(300, seed=8))


@WIDE
def test_wideband_speech_is_judged_as_if_it_were_properly_resampled(
    rate_hz: int,
) -> None:
    frames = otherwise = 0
    for text in HISSING:
        for voice in CALLERS:
            pcm = wideband(text, voice, rate_hz)
            heard = detect(pcm, rate_hz=rate_hz)
            reference = detect(resample_whole(pcm, rate_hz, 8_000))
            assert len(heard) == len(reference)
            assert 1 in heard
            frames += len(heard)
            otherwise += sum(a != b for a, b in zip(heard, reference, strict=True))
            # Neither in the half second before it, nor long after it.
            assert 1 not in heard[:24]
            assert 1 not in heard[-12:]
    assert otherwise < 0.025 * frames


@WIDE
def test_nothing_is_heard_in_wideband_sound_without_speech(rate_hz: int) -> None:
    noise = np.random.default_rng(6)
    for dbov in (-45, -30, -15):
        pcm = to_pcm(noise.normal(0, 10 ** (dbov / 20), 10 * rate_hz))
        assert 1 not in detect(pcm, rate_hz=rate_hz)
    # Tones that rise through all of the band that is folded.
    time_s = np.arange(20 * rate_hz) / rate_hz
    to_hz = rate_hz / 2
    glide = np.sin(2 * np.pi * (3_500 + (to_hz - 3_500) / 40 * time_s) * time_s)
    assert 1 not in detect(to_pcm(0.3 * glide), rate_hz=rate_hz)
    for piece in non_speech(120, seed=5):
        wide = resample_whole(piece.pcm, 8_000, rate_hz)
        assert 1 not in detect(wide, rate_hz=rate_hz), piece.kind


@WIDE
@given(cuts=st.lists(st.integers(0, 100_000), max_size=40))
@settings(max_examples=30)
def test_chunks_make_no_difference_at_higher_rates(
    rate_hz: int, cuts: list[int]
) -> None:
    pcm = resample_whole(SPOKEN, 8_000, rate_hz)
    at = [0, *sorted(cut % len(pcm) for cut in cuts), len(pcm)]
    parts = [pcm[a:b] for a, b in pairwise(at)]
    assert detect(*parts, rate_hz=rate_hz) == detect(pcm, rate_hz=rate_hz)


@WIDE
def test_how_much_waits_is_told_in_ms_at_every_rate(rate_hz: int) -> None:
    detector = VoiceActivityDetector(rate_hz)
    for count in range(1, 11):
        verdicts = detector.feed(bytes(frame_bytes(rate_hz)))
        assert len(verdicts) == (0 if count % 5 else 5)
        assert detector.waiting_ms == pytest.approx(20 * (count % 5))
