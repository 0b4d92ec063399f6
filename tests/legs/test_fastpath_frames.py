"""The tap's parts without I/O: frames, the handshake's end, the demux."""

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trio_sts.legs.fastpath.demux import Demux, HandshakeHead
from trio_sts.legs.fastpath.frames import (
    ODD,
    Binary,
    Masks,
    apply_mask,
    measure,
    message_frame,
)

from .fastpath_kit import MASK, REQUEST, frame, read_frames

SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"


@pytest.mark.parametrize("binary", [False, True])
@given(payload=st.binary(max_size=70_000), masked=st.booleans())
def test_a_written_frame_is_what_another_parser_reads(
    payload: bytes, masked: bool, binary: bool
) -> None:
    message = Binary(payload) if binary else payload
    written = message_frame(message, MASK if masked else b"")

    first = 0x82 if binary else 0x81
    assert read_frames(written, masked=masked) == [(first, payload)]
    header = len(written) - len(payload)
    assert measure(written, 0, masked=masked) == (header, len(payload))


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
def test_a_broken_rule_is_found_before_the_header_is_complete(begun: bytes) -> None:
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


# Within the blank line, at each place.
@example(cuts=[len(REQUEST) - 1], server=True)
@example(cuts=[len(REQUEST) - 2], server=True)
@example(cuts=[len(REQUEST) - 3], server=True)
@given(cuts=st.lists(st.integers(0, len(REQUEST) + 5)), server=st.booleans())
def test_the_end_of_the_handshake_is_found_for_any_split(
    cuts: list[int],
    server: bool,
) -> None:
    head = REQUEST if server else SWITCH
    whole = head + b"\x81\n\r\n\n"
    edges = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    head_end = HandshakeHead(server=server)

    found: int | None = None
    for start, stop in itertools.pairwise(edges):
        end = head_end.end_in(whole[start:stop])
        if end is not None:
            found = start + end
            break

    assert found == len(head)
    assert head_end.plain


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
    demux = Demux(server, 1000)
    demux.on_texts = _never
    behind = frame(0x81, b"hello", masked=server)
    demux.feed(head + behind)

    assert demux.divide() == head
    assert demux.divide() == behind


def test_a_head_without_an_end_is_passed_on_and_forgotten() -> None:
    demux = Demux(server=True, max_payload_bytes=1000)
    for _ in range(40):
        demux.feed(b"x" * 1024)
        assert demux.divide() == b"x" * 1024

    assert demux.opened


def _never(texts: list[bytes]) -> None:
    raise AssertionError(texts)


def _opened(took: list[bytes]) -> Demux:
    demux = Demux(server=False, max_payload_bytes=1000)
    demux.feed(SWITCH)
    assert demux.divide() == SWITCH
    demux.on_texts = took.extend
    return demux


def test_nothing_is_taken_behind_a_close_frame() -> None:
    took: list[bytes] = []
    demux = _opened(took)
    text, close = frame(0x81, b"a", masked=False), frame(0x88, b"", masked=False)

    demux.feed(text + close + text)

    assert demux.divide() == close + text
    assert took == [b"a"]
    assert demux.close_seen


def test_a_ping_is_passed_on_before_the_text_behind_it_is_taken() -> None:
    took: list[bytes] = []
    demux = _opened(took)
    ping = frame(0x89, b"p", masked=False)
    demux.feed(ping + frame(0x81, b"a", masked=False))

    assert demux.divide() == ping
    assert not took
    assert demux.holds
    assert demux.divide() == b""
    assert took == [b"a"]


def test_messages_that_arrive_byte_by_byte_are_taken_whole() -> None:
    took: list[bytes] = []
    demux = _opened(took)
    said = [b"", b"short", b"a" * 200]

    for byte in b"".join(frame(0x81, each, masked=False) for each in said):
        demux.feed(bytes([byte]))
        assert demux.divide() == b""

    assert took == said


def test_others_have_a_turn_after_16_tiny_messages() -> None:
    took: list[bytes] = []
    demux = _opened(took)
    demux.feed(frame(0x81, b"", masked=False) * 200)

    turns: list[int] = []
    while demux.holds:
        before = len(took)
        assert demux.divide() == b""
        turns.append(len(took) - before)

    assert turns == [16] * 12 + [8]


def test_audio_that_arrives_together_is_handed_over_together_16_at_once() -> None:
    demux = _opened([])
    calls: list[list[bytes]] = []
    demux.on_texts = calls.append
    audio = [b"%3d" % n + b"a" * 200 for n in range(200)]
    demux.feed(b"".join(frame(0x81, each, masked=False) for each in audio))

    while demux.holds:
        assert demux.divide() == b""

    assert calls == [audio[at : at + 16] for at in range(0, 200, 16)]


def _opened_for_media(took: list[list[bytes]]) -> Demux:
    demux = Demux(server=True, max_payload_bytes=1000, binary=True)
    demux.feed(REQUEST)
    assert demux.divide() == REQUEST
    demux.on_texts = demux.on_binaries = took.append
    return demux


def test_binary_messages_are_taken_where_audio_comes_in_them_and_in_their_place() -> (
    None
):
    took: list[list[bytes]] = []
    demux = _opened_for_media(took)
    media = [b"%3d" % n + b"\xff" * 200 for n in range(20)]
    parts = [frame(0x82, each, masked=True) for each in media]
    # A key between two frames, one that is short, and one without a sample.
    parts[5:5] = [frame(0x81, b"key", masked=True), frame(0x82, b"\xc3", masked=True)]
    parts.append(frame(0x82, b"", masked=True))
    demux.feed(b"".join(parts))

    while demux.holds:
        assert demux.divide() == b""

    assert took[:3] == [media[:5], [b"key"], [b"\xc3"]]
    assert [each for call in took[3:] for each in call] == [*media[5:], b""]


def test_a_binary_message_that_is_too_long_is_passed_on_and_all_behind_it() -> None:
    took: list[list[bytes]] = []
    demux = _opened_for_media(took)
    long = frame(0x82, bytes(1001), masked=True)
    behind = frame(0x82, bytes(200), masked=True)
    demux.feed(long + behind)

    assert demux.divide() == long + behind
    assert not took


def test_others_have_a_turn_after_4_frames_that_are_passed_on() -> None:
    demux = _opened([])
    ping = frame(0x89, b"", masked=False)
    demux.feed(ping * 200)

    passed: list[bytes] = []
    while demux.holds:
        passed.append(demux.divide())

    # The last one that was looked at goes with the next.
    assert passed == [ping * 3, *[ping * 4] * 49, ping]


def test_what_a_callback_raises_costs_only_its_own_message() -> None:
    took: list[bytes] = []
    demux = _opened(took)
    good = demux.on_texts
    demux.on_texts = _never
    demux.feed(frame(0x81, b"a", masked=False) + frame(0x81, b"b", masked=False))

    with pytest.raises(AssertionError, match="a"):
        demux.divide()
    demux.on_texts = good
    assert demux.divide() == b""

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
    demux = _opened(took)
    text = frame(0x81, b"a", masked=False)
    demux.feed(odd + text)

    assert demux.divide() == odd + text
    demux.feed(text)
    assert demux.divide() == text
    assert not took


def test_nothing_is_taken_inside_a_message_in_pieces() -> None:
    took: list[bytes] = []
    demux = _opened(took)
    begins, ping = frame(0x01, b"a", masked=False), frame(0x89, b"", masked=False)
    ends, text = frame(0x80, b"b", masked=False), frame(0x81, b"c", masked=False)
    demux.feed(begins + ping)
    assert demux.divide() == begins + ping
    demux.feed(ends + text)

    assert demux.divide() == ends + text
    assert demux.undelivered == 2
    demux.undelivered = 0
    demux.feed(text)
    assert demux.divide() == b""
    assert took == [b"c"]
