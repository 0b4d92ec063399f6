"""The tap's parts without I/O: frames, the handshake's end, the sieve."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_sts.legs.fastpath.frames import (
    ODD,
    measure,
    text_frame,
)
from trio_sts.legs.fastpath.masks import Masks, apply_mask
from trio_sts.legs.fastpath.opening import Opening
from trio_sts.legs.fastpath.sieve import Sieve

from .fastpath_kit import MASK, REQUEST, frame, read_frames

SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"


@given(text=st.binary(max_size=70_000), masked=st.booleans())
def test_a_written_frame_is_what_another_parser_reads(
    text: bytes,
    masked: bool,
) -> None:
    written = text_frame(text, MASK if masked else b"")

    assert read_frames(written, masked=masked) == [(0x81, text)]
    assert measure(written, 0, masked=masked) == (len(written) - len(text), len(text))


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
@pytest.mark.parametrize("masked", [False, True])
def test_a_header_is_measured_once_it_is_complete(size: int, *, masked: bool) -> None:
    written = frame(0x81, b"x" * size, masked=masked)
    header = len(written) - size

    assert measure(written, 0, masked=masked) == (header, size)
    assert measure(b"??" + written, 2, masked=masked) == (header, size)
    for cut in range(header):
        assert measure(written[:cut], 0, masked=masked) is None
    assert measure(written, 0, masked=not masked) == ODD


@pytest.mark.parametrize(
    "size",
    [b"\x7e\x00\x7d", b"\x7f" + (65_535).to_bytes(8), b"\x7f" + (1 << 63).to_bytes(8)],
)
def test_a_length_that_is_not_the_shortest_form_is_odd(size: bytes) -> None:
    assert measure(b"\x81" + size, 0, masked=False) == ODD


@pytest.mark.parametrize(
    "begun",
    [b"\x03\x80", b"\xc1\x80", b"\x09\x80", b"\x88\xfe", b"\x81\xfe\x00\x7d"],
    ids=["opcode", "reserved bit", "control in pieces", "long control", "length"],
)
def test_a_broken_rule_is_told_before_the_header_is_complete(begun: bytes) -> None:
    assert measure(begun[:-1], 0, masked=True) is None
    assert measure(begun, 0, masked=True) == ODD


@given(data=st.binary(max_size=500), mask=st.binary(min_size=4, max_size=4))
def test_a_mask_is_taken_off_as_it_is_put_on(data: bytes, mask: bytes) -> None:
    assert apply_mask(data, mask) == bytes(b ^ mask[i % 4] for i, b in enumerate(data))
    assert apply_mask(apply_mask(data, mask), mask) == data


def test_no_mask_is_used_twice() -> None:
    masks = Masks()

    drawn = [masks.draw() for _ in range(300)]

    assert {len(mask) for mask in drawn} == {4}
    assert len(set(drawn)) > 295


@given(cuts=st.lists(st.integers(0, len(REQUEST) + 5)), server=st.booleans())
def test_the_end_of_the_handshake_is_found_for_any_split(
    cuts: list[int],
    server: bool,
) -> None:
    head = REQUEST if server else SWITCH
    whole = head + b"\x81\n\r\n\n"
    edges = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    opening = Opening(server=server)

    found: int | None = None
    for start, stop in itertools.pairwise(edges):
        end = opening.end_in(whole[start:stop])
        if end is not None:
            found = start + end
            break

    assert found == len(head)
    assert opening.plain


@pytest.mark.parametrize(
    ("server", "head"),
    [
        (False, b"HTTP/1.1 403 No\r\n\r\n"),
        (False, b"HTTP/1.1 100 Continue\r\n\r\n"),
        (True, REQUEST[:-2] + b"content-LENGTH: 3\r\n\r\n"),
        (True, REQUEST[:-2] + b"Transfer-Encoding : chunked\r\n\r\n"),
    ],
)
def test_behind_a_head_that_no_frames_follow_nothing_is_taken(
    head: bytes, *, server: bool
) -> None:
    sieve = Sieve(server, 1000)
    sieve.on_texts = _never
    behind = frame(0x81, b"hello", masked=server)
    sieve.feed(head + behind)

    assert sieve.sift() == head
    assert sieve.sift() == behind


def test_a_head_without_an_end_is_passed_on_and_forgotten() -> None:
    sieve = Sieve(server=True, max_payload_bytes=1000)
    for _ in range(40):
        sieve.feed(b"x" * 1024)
        assert sieve.sift() == b"x" * 1024

    assert sieve.opened


def _never(texts: list[bytes]) -> None:
    raise AssertionError(texts)


def _opened(took: list[bytes]) -> Sieve:
    sieve = Sieve(server=False, max_payload_bytes=1000)
    sieve.feed(SWITCH)
    assert sieve.sift() == SWITCH
    sieve.on_texts = took.extend
    return sieve


def test_nothing_is_taken_behind_a_close_frame() -> None:
    took: list[bytes] = []
    sieve = _opened(took)
    text, close = frame(0x81, b"a", masked=False), frame(0x88, b"", masked=False)

    sieve.feed(text + close + text)

    assert sieve.sift() == close + text
    assert took == [b"a"]
    assert sieve.close_seen


def test_a_ping_is_passed_on_before_the_text_behind_it_is_taken() -> None:
    took: list[bytes] = []
    sieve = _opened(took)
    ping = frame(0x89, b"p", masked=False)
    sieve.feed(ping + frame(0x81, b"a", masked=False))

    assert sieve.sift() == ping
    assert not took
    assert sieve.holds
    assert sieve.sift() == b""
    assert took == [b"a"]


def test_a_flood_of_tiny_messages_is_taken_in_turns() -> None:
    took: list[bytes] = []
    sieve = _opened(took)
    sieve.feed(frame(0x81, b"", masked=False) * 200)

    turns = 0
    while sieve.holds:
        assert sieve.sift() == b""
        turns += 1

    assert len(took) == 200
    assert turns == 4


def test_what_a_callback_raises_costs_only_its_own_message() -> None:
    took: list[bytes] = []
    sieve = _opened(took)
    good = sieve.on_texts
    sieve.on_texts = _never
    sieve.feed(frame(0x81, b"a", masked=False) + frame(0x81, b"b", masked=False))

    with pytest.raises(AssertionError, match="a"):
        sieve.sift()
    sieve.on_texts = good
    assert sieve.sift() == b""

    assert took == [b"b"]


@pytest.mark.parametrize(
    "odd",
    [
        frame(0xC1, b"reserved bit", masked=False),
        frame(0x83, b"unknown", masked=False),
        frame(0x09, b"a ping in pieces", masked=False),
        frame(0x89, b"p" * 126, masked=False),
        frame(0x80, b"the end of nothing", masked=False),
        frame(0x01, b"a beginning", masked=False) + frame(0x82, b"", masked=False),
        frame(0x81, b"masked", masked=True),
        frame(0x81, b"\xff", masked=False),
    ],
)
def test_nothing_is_taken_behind_what_ends_a_connection(odd: bytes) -> None:
    took: list[bytes] = []
    sieve = _opened(took)
    text = frame(0x81, b"a", masked=False)
    sieve.feed(odd + text)

    assert sieve.sift() == odd + text
    sieve.feed(text)
    assert sieve.sift() == text
    assert not took


def test_nothing_is_taken_inside_a_message_in_pieces() -> None:
    took: list[bytes] = []
    sieve = _opened(took)
    begins, ping = frame(0x01, b"a", masked=False), frame(0x89, b"", masked=False)
    ends, text = frame(0x80, b"b", masked=False), frame(0x81, b"c", masked=False)
    sieve.feed(begins + ping)
    assert sieve.sift() == begins + ping
    sieve.feed(ends + text)

    assert sieve.sift() == ends + text
    assert sieve.on_the_way == 2
    sieve.on_the_way = 0
    sieve.feed(text)
    assert sieve.sift() == b""
    assert took == [b"c"]
