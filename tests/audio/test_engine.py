"""Both engines of the media path: the same to the byte, and what they refuse."""

import os
import shutil
import struct
import sys
import sysconfig
from pathlib import Path
from subprocess import run

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.labelled import non_speech, utterances
from trio_sts.audio import engine, portable, portable_vad
from trio_sts.audio.g711 import A_LAW, MU_LAW, Law
from trio_sts.audio.resample import downsampler, upsampler
from trio_sts.audio.voice_activity import STATE_BYTES, spectrum_table

headers = Path(sysconfig.get_path("include"), "Python.h")
if not (headers.exists() and shutil.which("cc")):
    pytest.importorskip("trio_sts.audio.speedups", reason="it cannot be built here")

from trio_sts.audio import speedups  # noqa: E402  what follows needs it

EACH = pytest.mark.parametrize("name", ["portable", "speedups"])
ENGINES = {"portable": portable, "speedups": speedups}
UP_TAPS = upsampler().direction.taps
DOWN_TAPS = downsampler().direction.taps


def pack_taps(wholes: list[int]) -> bytes:
    """Multiples of 2**-24, so that sums are exact, as the filter's are."""
    return struct.pack(f"{len(wholes)}d", *(whole / 2**24 for whole in wholes))


def filters(taps: int) -> st.SearchStrategy[bytes]:
    tap = st.integers(-(2**24), 2**24)
    return st.lists(tap, min_size=3 * taps, max_size=3 * taps).map(pack_taps)


ANY_FILTER = st.integers(1, 32).flatmap(filters)
# The loudest there is, so that sums go beyond 16 bits; or any bytes.
LOUD = st.lists(st.sampled_from([b"\xff\x7f", b"\0\x80", b"\0\0"]), max_size=2_000)
PCM = st.binary(max_size=4_000) | LOUD.map(b"".join)


def assert_same(pcm: bytes, up_taps: bytes, down_taps: bytes) -> None:
    assert speedups.upsample(pcm, up_taps) == portable.upsample(pcm, up_taps)
    assert speedups.downsample(pcm, down_taps) == portable.downsample(pcm, down_taps)


@given(pcm=PCM)
def test_both_give_the_same_bytes(pcm: bytes) -> None:
    assert_same(pcm, UP_TAPS, DOWN_TAPS)


@given(pcm=PCM, taps=ANY_FILTER)
def test_both_give_the_same_bytes_with_any_filter(pcm: bytes, taps: bytes) -> None:
    assert_same(pcm, taps, taps)


def test_both_give_the_same_bytes_for_many_seconds_at_once() -> None:
    numbers = (n * n % 60_000 - 30_000 for n in range(100_003))
    assert_same(struct.pack("<100003h", *numbers), UP_TAPS, DOWN_TAPS)


@EACH
@pytest.mark.parametrize("law", [MU_LAW, A_LAW], ids=["mu", "a"])
def test_every_sample_has_its_code(name: str, law: Law) -> None:
    compress = ENGINES[name].compress
    every = struct.pack("<65536H", *range(65_536))
    assert compress(every, law.codes) == law.codes
    assert compress(every[200:202], law.codes) == law.codes[100:101]
    assert compress(b"", law.codes) == b""


@EACH
@pytest.mark.parametrize("taps", [b"", bytes(8), bytes(3 * 33 * 8), bytes(3 * 8 + 1)])
def test_what_is_no_filter_is_refused(name: str, taps: bytes) -> None:
    for convert in (ENGINES[name].upsample, ENGINES[name].downsample):
        with pytest.raises(ValueError, match="three phases of 1 to 32"):
            convert(bytes(100), taps)


@EACH
def test_half_a_sample_and_half_a_table_are_refused(name: str) -> None:
    compress = ENGINES[name].compress
    with pytest.raises(ValueError, match="half a sample"):
        compress(b"abc", MU_LAW.codes)
    with pytest.raises(ValueError, match="65536"):
        compress(b"ab", MU_LAW.codes[1:])


def test_what_is_no_bytes_is_refused() -> None:
    for function in (speedups.upsample, speedups.downsample, speedups.compress):
        with pytest.raises(TypeError):
            function("text", UP_TAPS)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        speedups.detect_speech(b"", bytes(STATE_BYTES), b"")  # type: ignore[arg-type]


def test_the_compiled_one_is_used() -> None:
    assert engine.upsample is speedups.upsample
    assert engine.downsample is speedups.downsample
    assert engine.compress is speedups.compress
    assert engine.detect_speech is speedups.detect_speech
    assert not engine.WARNINGS


def test_the_service_needs_no_numpy_then() -> None:
    code = "import sys, trio_sts.service; sys.exit('numpy' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0


def test_where_it_was_not_built_the_other_is_used_and_the_operator_told() -> None:
    code = (
        "import sys; sys.modules['trio_sts.audio.speedups'] = None\n"
        "from trio_sts.audio import engine, portable\n"
        "assert engine.upsample is portable.upsample\n"
        "from trio_sts.audio import portable_vad\n"
        "assert engine.detect_speech is portable_vad.detect_speech\n"
        "from trio_sts.cli import main\n"
        "main(['check', '--offline'])"
    )
    environ = {**os.environ, "OPENAI_API_KEY": "k", "COLUMNS": "200"}
    # It will do, but not as the operator would expect: 1.
    told = run(
        [sys.executable, "-c", code], env=environ, capture_output=True, check=False
    )
    assert told.returncode in {0, 1}
    assert b"without a C compiler" in told.stdout


# Noise of any level, tones that begin and end, glides: what makes every branch run.
@st.composite
def sounds(draw: st.DrawFn) -> bytes:
    parts: list[int] = []
    for _ in range(draw(st.integers(1, 6))):
        samples = 160 * draw(st.integers(1, 12))
        size = draw(st.sampled_from([0, 30, 800, 6_000, 16_000, 32_767]))
        period = draw(st.integers(20, 140))
        glide = draw(st.sampled_from([0, 0, 3, 9]))
        width = draw(st.integers(1, 20))
        noise = draw(st.randoms(use_true_random=False))
        phase = 0.0
        for n in range(samples):
            phase += 1 / (period + glide * n / 160)
            pulse = phase % 1 * period < width
            parts.append(int(size * (pulse - 0.1) / 1.2) + noise.randint(-20, 20))
    clipped = (max(-32_768, min(32_767, part)) for part in parts)
    return struct.pack(f"<{len(parts)}h", *clipped)


FRAMES = st.binary(max_size=9_600).map(lambda pcm: pcm[: len(pcm) // 320 * 320])


@given(parts=st.lists(sounds() | FRAMES, max_size=4))
@settings(deadline=None, max_examples=40)
def test_both_hear_the_same_speech_and_remember_the_same(parts: list[bytes]) -> None:
    table = spectrum_table()
    state, other_state = bytearray(STATE_BYTES), bytearray(STATE_BYTES)
    for pcm in parts:
        found = speedups.detect_speech(pcm, state, table)
        assert found == portable_vad.detect_speech(pcm, other_state, table)
        assert state == other_state


def test_both_hear_the_same_in_speech() -> None:
    pytest.importorskip("espeakng_loader", reason="trio-sts[demo] is missing")
    table = spectrum_table()
    heard = 0
    for piece in [*utterances(30), *non_speech(120)]:
        pcm = piece.pcm[: len(piece.pcm) // 320 * 320]
        state, other_state = bytearray(STATE_BYTES), bytearray(STATE_BYTES)
        found = speedups.detect_speech(pcm, state, table)
        assert found == portable_vad.detect_speech(pcm, other_state, table)
        assert state == other_state
        heard += 1 in found
    assert heard > 20


@EACH
@pytest.mark.parametrize(
    ("pcm", "state", "table"), [(319, 0, 0), (320, -1, 0), (320, 1, 0), (320, 0, 1)]
)
def test_half_a_frame_and_other_sizes_are_refused(
    name: str, pcm: int, state: int, table: int
) -> None:
    detect = {"portable": portable_vad, "speedups": speedups}[name].detect_speech
    with pytest.raises(ValueError, match=r"of 320 bytes|not of their sizes"):
        detect(bytes(pcm), bytearray(STATE_BYTES + state), spectrum_table()[table:])
