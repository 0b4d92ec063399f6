from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_sts.audio.framing import (
    FRAME_BYTES,
    FRAME_MS,
    FRAME_SAMPLES,
    SAMPLE_RATE_HZ,
    Framer,
    frame_bytes,
    ms_per_pcm_byte,
)

RATES_HZ = st.sampled_from([8_000, 16_000, 24_000])


def test_a_frame_is_twenty_milliseconds() -> None:
    assert (SAMPLE_RATE_HZ, FRAME_MS) == (8_000, 20)
    assert (FRAME_SAMPLES, FRAME_BYTES) == (160, 320)
    assert [frame_bytes(rate) for rate in (8_000, 16_000, 24_000)] == [320, 640, 960]


@given(rate_hz=RATES_HZ)
def test_a_frame_lasts_as_long_at_every_rate(rate_hz: int) -> None:
    assert frame_bytes(rate_hz) * ms_per_pcm_byte(rate_hz) == pytest.approx(FRAME_MS)


@given(
    pcm=st.binary(max_size=4_000),
    cuts=st.lists(st.integers(0, 4_000)),
    rate_hz=RATES_HZ,
)
def test_frames_do_not_depend_on_chunks(
    pcm: bytes, cuts: list[int], rate_hz: int
) -> None:
    framer, size = Framer(rate_hz), frame_bytes(rate_hz)
    edges = [0, *sorted(min(cut, len(pcm)) for cut in cuts), len(pcm)]
    frames = [
        frame
        for start, stop in pairwise(edges)
        for frame in framer.push(pcm[start:stop])
    ]
    assert b"".join(frames) == pcm[: len(pcm) // size * size]
    frames += framer.flush()
    assert {len(frame) for frame in frames} <= {size}
    whole_samples = pcm[: len(pcm) // 2 * 2]
    joined = b"".join(frames)
    assert joined[: len(whole_samples)] == whole_samples
    assert not any(joined[len(whole_samples) :])
    assert len(joined) - len(whole_samples) < size


def test_a_flushed_framer_is_as_new() -> None:
    framer = Framer()
    assert framer.push(b"\x01\x02" * 3) == []
    assert framer.flush() == [(b"\x01\x02" * 3).ljust(FRAME_BYTES, b"\0")]
    assert framer.flush() == []
    assert framer.push(b"\x03" * FRAME_BYTES) == [b"\x03" * FRAME_BYTES]


def test_half_a_sample_alone_makes_no_frame() -> None:
    framer = Framer()
    framer.push(b"\x01")
    assert framer.flush() == []
    assert framer == Framer()
