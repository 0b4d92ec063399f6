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
from trio_sts.audio.resample import Direction, resampler
from trio_sts.audio.voice_activity import STATE_BYTES, spectrum_table

headers = Path(sysconfig.get_path("include"), "Python.h")
if not (headers.exists() and shutil.which("cc")):
    pytest.importorskip("trio_sts.audio.speedups", reason="it cannot be built here")

from trio_sts.audio import speedups  # noqa: E402  what follows needs it

EACH = pytest.mark.parametrize("name", ["portable", "speedups"])
ENGINES = {"portable": portable, "speedups": speedups}
RATES_HZ = (8_000, 16_000, 24_000)
DIRECTIONS = [resampler(a, b).direction for a in RATES_HZ for b in RATES_HZ if a != b]
UNITS = st.integers(1, 3)


def pack_taps(wholes: list[int]) -> bytes:
    """Multiples of 2**-24, so that sums are exact, as the filter's are."""
    return struct.pack(f"{len(wholes)}d", *(whole / 2**24 for whole in wholes))


def filters(count: int) -> st.SearchStrategy[bytes]:
    tap = st.integers(-(2**24), 2**24) | st.just(0)
    return st.lists(tap, min_size=count, max_size=count).map(pack_taps)


# The loudest there is, so that sums go beyond 16 bits; or any bytes.
LOUD = st.lists(st.sampled_from([b"\xff\x7f", b"\0\x80", b"\0\0"]), max_size=2_000)
PCM = st.binary(max_size=4_000) | LOUD.map(b"".join)


@given(pcm=PCM, way=st.sampled_from(DIRECTIONS))
def test_both_give_the_same_bytes(pcm: bytes, way: Direction) -> None:
    asked = pcm, way.taps, way.unit_in, way.unit_out
    assert speedups.resample(*asked) == portable.resample(*asked)


@given(pcm=PCM, taps=st.integers(1, 32), units=st.tuples(UNITS, UNITS), data=st.data())
def test_both_give_the_same_bytes_with_any_filter(
    pcm: bytes, taps: int, units: tuple[int, int], data: st.DataObject
) -> None:
    packed = data.draw(filters(taps * units[0] * units[1]))
    made = speedups.resample(pcm, packed, *units)
    assert made == portable.resample(pcm, packed, *units)
    whole = len(pcm) // 2 // units[0] - (taps - 1)
    assert len(made) == max(whole, 0) * units[1] * 2


@pytest.mark.parametrize("way", DIRECTIONS)
def test_both_give_the_same_bytes_for_many_seconds_at_once(way: Direction) -> None:
    numbers = (n * n % 60_000 - 30_000 for n in range(100_003))
    asked = struct.pack("<100003h", *numbers), way.taps, way.unit_in, way.unit_out
    assert speedups.resample(*asked) == portable.resample(*asked)


@given(pcm=PCM, ratio=st.integers(2, 3))
def test_both_give_the_same_means(pcm: bytes, ratio: int) -> None:
    made = speedups.thin(pcm, ratio)
    assert made == portable.thin(pcm, ratio)
    assert len(made) == len(pcm) // 2 // ratio * 2
    samples = struct.unpack(f"<{len(made) // 2 * ratio}h", pcm[: len(made) * ratio])
    for at, mean in enumerate(struct.unpack(f"<{len(made) // 2}h", made)):
        exact = sum(samples[ratio * at : ratio * (at + 1)]) / ratio
        assert -1.5 <= mean - exact <= 0.5


@EACH
@pytest.mark.parametrize("law", [MU_LAW, A_LAW], ids=["mu", "a"])
def test_every_sample_has_its_code(name: str, law: Law) -> None:
    compress = ENGINES[name].compress
    every = struct.pack("<65536H", *range(65_536))
    assert compress(every, law.codes) == law.codes
    assert compress(every[200:202], law.codes) == law.codes[100:101]
    assert compress(b"", law.codes) == b""


@EACH
@pytest.mark.parametrize("taps", [b"", bytes(8), bytes(6 * 33 * 8), bytes(6 * 8 + 1)])
def test_what_is_no_filter_is_refused(name: str, taps: bytes) -> None:
    for units in ((2, 3), (3, 2)):
        with pytest.raises(ValueError, match="1 to 32 float64 for each"):
            ENGINES[name].resample(bytes(100), taps, *units)


@EACH
@pytest.mark.parametrize("unit", [-1, 0, 4])
def test_what_is_no_unit_and_no_ratio_is_refused(name: str, unit: int) -> None:
    for units in ((unit, 1), (1, unit)):
        with pytest.raises(ValueError, match="1 to 3 samples"):
            ENGINES[name].resample(bytes(100), bytes(8 * 32), *units)
    for ratio in (unit, 1):
        with pytest.raises(ValueError, match="2 or 3"):
            ENGINES[name].thin(bytes(100), ratio)


@EACH
def test_half_a_sample_and_half_a_table_are_refused(name: str) -> None:
    compress = ENGINES[name].compress
    with pytest.raises(ValueError, match="half a sample"):
        compress(b"abc", MU_LAW.codes)
    with pytest.raises(ValueError, match="65536"):
        compress(b"ab", MU_LAW.codes[1:])


def test_what_is_no_bytes_is_refused() -> None:
    with pytest.raises(TypeError):
        speedups.resample("text", bytes(8), 1, 1)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        speedups.resample(b"", bytes(8), 1.0, 1)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        speedups.thin("text", 2)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        speedups.compress("text", MU_LAW.codes)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        speedups.detect_speech(b"", bytes(STATE_BYTES), b"")  # type: ignore[arg-type]


def test_the_compiled_one_is_used() -> None:
    assert engine.resample is speedups.resample
    assert engine.thin is speedups.thin
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
        "assert engine.resample is portable.resample\n"
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
