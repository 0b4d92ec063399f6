import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_sts.errors import BadMessage
from trio_sts.wire.asterisk_media import FORMATS


@pytest.mark.parametrize(
    ("name", "rate_hz", "frame_bytes"),
    [
        ("slin24", 24_000, 960),
        ("slin16", 16_000, 640),
        ("slin", 8_000, 320),
        ("ulaw", 8_000, 160),
        ("alaw", 8_000, 160),
    ],
)
def test_a_frame_is_as_long_as_asterisk_says(
    name: str, rate_hz: int, frame_bytes: int
) -> None:
    assert FORMATS[name].rate_hz == rate_hz
    assert FORMATS[name].media_bytes(20) == frame_bytes


@given(st.binary(max_size=400).map(lambda raw: raw[: len(raw) // 2 * 2]))
def test_linear_samples_pass_untouched(pcm: bytes) -> None:
    for name in ("slin", "slin16", "slin24"):
        assert FORMATS[name].decode(FORMATS[name].encode(pcm)) == pcm


@given(st.binary(max_size=400))
def test_a_law_is_one_byte_for_each_sample(codes: bytes) -> None:
    for name in ("ulaw", "alaw"):
        pcm = FORMATS[name].decode(codes)
        assert len(pcm) == 2 * len(codes)
        # Twice: mu-law has two codes for zero.
        assert FORMATS[name].decode(FORMATS[name].encode(pcm)) == pcm


@pytest.mark.parametrize("name", ["slin", "slin16", "slin24"])
def test_half_a_sample_is_a_fault(name: str) -> None:
    with pytest.raises(BadMessage, match="odd"):
        FORMATS[name].decode(bytes(3))
