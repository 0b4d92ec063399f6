"""Voice activity detection: what is speech, what is none, in any chunks."""

import struct
import sys
from ast import literal_eval
from itertools import pairwise
from math import pi, sin
from pathlib import Path
from subprocess import run

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.labelled import non_speech, utterances
from bench.voice_activity import heard_in, heard_within
from trio_sts.audio.framing import FRAME_BYTES
from trio_sts.audio.voice_activity import BATCH_MS, VoiceActivityDetector

pytest.importorskip("espeakng_loader", reason="the extra trio-sts[demo] is missing")

ROOT = Path(__file__).parents[2]
BATCH_BYTES = BATCH_MS * 16
SPOKEN = next(utterances(1)).pcm


def detect(*chunks: bytes) -> bytes:
    detector = VoiceActivityDetector()
    return b"".join(map(detector.feed, chunks))


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
