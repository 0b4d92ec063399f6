"""G.711 against an implementation that counts in the segments of ITU-T's tables."""

from bisect import bisect_right
from itertools import pairwise
from math import pi, sin
from struct import iter_unpack, pack, unpack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_sts.audio.g711 import A_LAW, MU_LAW, Law

LAWS = pytest.mark.parametrize("law", [MU_LAW, A_LAW], ids=["mu", "a"])
NAMED = {"mu": MU_LAW, "a": A_LAW}
NAMES = pytest.mark.parametrize("name", NAMED)  # Hypothesis would print the tables

# Decision values at the ends of segments, tables 1a and 2a of G.711.
A_ENDS = (0, 32, 64, 128, 256, 512, 1024, 2048, 4096)
MU_ENDS = (0, 31, 95, 223, 479, 991, 2015, 4063, 8159)


def decision_values(law: Law) -> list[int]:
    """The 129 decision values of the positive half, in G.711's own uniform units."""
    if law is MU_LAW:
        first, ends = [0, *range(1, 31, 2)], MU_ENDS[1:]
    else:
        first, ends = list(range(0, 32, 2)), A_ENDS[1:]
    values = first
    for low, high in pairwise(ends):
        values += range(low, high, (high - low) // 16)
    return [*values, ends[-1]]


def scale(law: Law) -> int:
    """16-bit steps in one of G.711's: 14 bits for mu-law, 13 for A-law."""
    return 4 if law is MU_LAW else 8


def reference_code(law: Law, sample: int) -> int:
    magnitude = sample if sample >= 0 else -1 - sample
    ends = [scale(law) * value for value in decision_values(law)]
    interval = min(bisect_right(ends, magnitude) - 1, 127)
    sign = 0x80 if sample >= 0 else 0
    if law is MU_LAW:  # the magnitude's bits are inverted
        return sign | (127 - interval)
    return (sign | interval) ^ 0x55


def reference_level(law: Law, code: int) -> int:
    positive = bool(code & 0x80)
    interval = 127 - (code & 0x7F) if law is MU_LAW else (code ^ 0x55) & 0x7F
    values = decision_values(law)
    if law is MU_LAW and interval == 0:
        return 0
    level = scale(law) * (values[interval] + values[interval + 1]) // 2
    return level if positive else -level


def decoded(law: Law, codes: bytes) -> list[int]:
    return [sample for (sample,) in iter_unpack("<h", law.decode(codes))]


def test_the_reference_has_the_tables_ends() -> None:
    assert len(decision_values(MU_LAW)) == len(decision_values(A_LAW)) == 129
    assert decision_values(MU_LAW)[16::16] == list(MU_ENDS[1:])
    assert decision_values(A_LAW)[::16] == [0, *A_ENDS[1:]]


@LAWS
def test_every_sample_gets_the_code_of_its_interval(law: Law) -> None:
    every = range(-32_768, 32_768)
    codes = law.encode(pack("<65536h", *every))
    # Every decision is in a sample's neighbourhood; the rest is constant in between.
    ends = {scale(law) * value for value in decision_values(law)}
    near = {sign * end + d for end in ends for sign in (1, -1) for d in (-2, -1, 0, 1)}
    chosen = sorted(near & set(every) | set(range(-32_768, 32_768, 97)))
    assert [codes[s + 32_768] for s in chosen] == [
        reference_code(law, s) for s in chosen
    ]


@LAWS
def test_codes_change_only_at_decision_values(law: Law) -> None:
    codes = law.encode(pack("<32768h", *range(32_768)))
    changes = [i for i in range(1, 32_768) if codes[i] != codes[i - 1]]
    assert changes == [scale(law) * value for value in decision_values(law)[1:-1]]


@LAWS
def test_every_code_is_decoded_to_the_middle_of_its_interval(law: Law) -> None:
    assert decoded(law, bytes(range(256))) == [
        reference_level(law, code) for code in range(256)
    ]


@LAWS
def test_every_code_survives_a_round_trip(law: Law) -> None:
    codes = bytes(range(256))
    again = law.encode(law.decode(codes))
    # mu-law has two zeros; the negative one comes back positive.
    wanted = codes.replace(b"\x7f", b"\xff") if law is MU_LAW else codes
    assert again == wanted


@pytest.mark.parametrize(
    ("law", "samples", "codes"),
    [
        (MU_LAW, (0, 32_767, -32_768, -1, 3, 4, 32_124), "ff80007ffffe80"),
        (A_LAW, (0, 32_767, -32_768, -1, 15, 16, 32_256), "d5aa2a55d5d4aa"),
    ],
    ids=["mu", "a"],
)
def test_known_samples(law: Law, samples: tuple[int, ...], codes: str) -> None:
    assert law.encode(pack("<7h", *samples)).hex() == codes


@pytest.mark.parametrize(
    ("law", "codes", "overload_dbm0"),
    [
        (MU_LAW, "1e0b0b1e9e8b8b9e", 3.17),
        (A_LAW, "34212134b4a1a1b4", 3.14),
    ],
    ids=["mu", "a"],
)
def test_the_digital_milliwatt(law: Law, codes: str, overload_dbm0: float) -> None:
    """G.711, tables 5 and 6: 1 kHz at 0 dBm0, with the overload levels of its text."""
    full = scale(law) * decision_values(law)[-1]
    peak = full * 10 ** (-overload_dbm0 / 20)
    tone = [round(-peak * sin(pi / 8 + pi / 4 * i)) for i in range(8)]
    assert law.encode(pack("<8h", *tone)).hex() == codes
    found = sum(sample**2 for sample in decoded(law, bytes.fromhex(codes))) / 8
    assert found == pytest.approx(peak**2 / 2, rel=0.01)


@NAMES
@given(samples=st.lists(st.integers(-32_768, 32_767), max_size=400))
def test_speech_is_within_half_an_interval(name: str, samples: list[int]) -> None:
    law = NAMED[name]
    pcm = pack(f"<{len(samples)}h", *samples)
    codes = law.encode(pcm)
    back = unpack(f"<{len(samples)}h", law.decode(codes))
    assert len(codes) == len(samples)
    for sample, heard in zip(samples, back, strict=True):
        # A step is a sixteenth of its segment's begin, which mu-law shifts by 132.
        assert abs(sample - heard) <= max((abs(sample) + 132) / 32 + 1, 8)


@NAMES
@given(
    samples=st.lists(st.integers(-32_768, 32_767), max_size=50), cut=st.integers(0, 50)
)
def test_chunks_make_no_difference(name: str, samples: list[int], cut: int) -> None:
    law = NAMED[name]
    pcm = pack(f"<{len(samples)}h", *samples)
    codes = law.encode(pcm)
    assert law.encode(pcm[: 2 * cut]) + law.encode(pcm[2 * cut :]) == codes
    assert law.decode(codes[:cut]) + law.decode(codes[cut:]) == law.decode(codes)
