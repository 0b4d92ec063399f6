"""The tap changes nothing that either end can see, however the bytes arrive."""

from typing import Final

from hypothesis import HealthCheck, example, given, note, settings
from hypothesis import strategies as st

from .fastpath_kit import LIMIT, Bye, Player, Say, frame

# More bytes than the limit and not more characters: the library takes these.
_LONG_IN_BYTES: Final = "☎" * (LIMIT // 3 + 1)
_TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["c" * 125, "c" * 126, "é☎" * 20, "z" * LIMIT, "not this one", _LONG_IN_BYTES]
    ),
).map(str.encode)
_TOO_LONG = st.sampled_from(["z" * (LIMIT + 1), "é" * (LIMIT + 2)]).map(str.encode)
_BROKEN_TEXTS = st.tuples(
    st.binary(max_size=9), st.sampled_from([b"\xff", b"\xc3", b"\xed\xa0\x80"])
).map(b"".join)
_CLOSINGS = st.sampled_from(
    [
        *[code.to_bytes(2) + b"x" for code in (1000, 1001, 1008, 3000, 4999)],
        *[b"", b"\x03", b"\x03\xe7", b"\x03\xed", b"\x08\x00", b"\x03\xe8\xff"],
    ]
)
# What the library closes with for a peer's fault, by its own judgement.
_OWN_END: Final = (1002, 1007, 1009)
# A frame is its first byte, its payload, whether it is masked rightly, and a length
# field that breaks the rules.
_Frame = tuple[int, bytes, bool, bytes | None]
_LONG: Final[_Frame] = (0x81, b"z" * (LIMIT + 1), True, None)
_GOOD_FIRST: Final = (0x81, 0x01, 0x80, 0x00, 0x82, 0x02, 0x89, 0x8A)


def _frames(
    first: int, payloads: st.SearchStrategy[bytes]
) -> st.SearchStrategy[_Frame]:
    return payloads.map(lambda payload: (first, payload, True, None))


_SMALL = st.binary(max_size=5)
_PINGS = st.one_of(_frames(0x89, _SMALL), _frames(0x8A, _SMALL))
_WHOLE = _frames(0x81, _TEXTS)


@st.composite
def _in_pieces(
    draw: st.DrawFn, texts: st.SearchStrategy[bytes], first: int = 1
) -> list[_Frame]:
    text = draw(texts)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), min_size=1, max_size=3)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    frames: list[_Frame] = [(first, pieces[0], True, None)]
    for piece in pieces[1:-1]:
        frames += [*draw(st.lists(_PINGS, max_size=1)), (0x00, piece, True, None)]
    frames += [*draw(st.lists(_PINGS, max_size=1)), (0x80, pieces[-1], True, None)]
    return frames


_Scene = list[_Frame] | Say | Bye


def _alone(frames: st.SearchStrategy[_Frame]) -> st.SearchStrategy[_Scene]:
    return frames.map(lambda one: [one])


# As media is: of the sizes of the lane for equal frames, and around them.
_BINARY = _frames(
    0x82,
    st.one_of(
        _SMALL,
        st.sampled_from([b"\xff" * 125, b"\xc3" * 126, b"m" * LIMIT, b"\0" * LIMIT]),
    ),
)
_BINARY_TOO_LONG = _frames(0x82, st.just(b"\xff" * (LIMIT + 1)))
_GOING_ON: st.SearchStrategy[_Scene] = st.one_of(
    _alone(_WHOLE),
    st.lists(_WHOLE, min_size=2, max_size=3),
    st.tuples(_BINARY, _WHOLE).map(list),
    st.lists(_BINARY, min_size=2, max_size=20),
    st.lists(_BINARY | _WHOLE, min_size=2, max_size=5),
    st.tuples(_PINGS, _WHOLE | _BINARY).map(list),
    _in_pieces(_TEXTS),
    _in_pieces(_SMALL, 2),
    st.builds(Say, st.sampled_from(["", "we say", "s" * 126, b"", b"\xff" * 126])),
)
# Some of these do not end the connection, as it happens.
_ENDING: st.SearchStrategy[_Scene] = st.one_of(
    _alone(_frames(0x81, _BROKEN_TEXTS)),
    _alone(_frames(0x81, _TOO_LONG)),
    _alone(_BINARY_TOO_LONG),
    _in_pieces(_BROKEN_TEXTS),
    _in_pieces(_TOO_LONG),
    _alone(_frames(0x88, _CLOSINGS)),
    _alone(_frames(0x89, st.binary(min_size=126, max_size=127))),
    st.tuples(_frames(0x01, _SMALL) | _frames(0x02, _SMALL), _PINGS, _WHOLE).map(list),
    _alone(st.tuples(st.integers(0, 255), _SMALL, st.just(True), st.none())),
    _alone(st.tuples(st.sampled_from(_GOOD_FIRST), _SMALL, st.booleans(), st.none())),
    _alone(
        st.tuples(
            st.sampled_from(_GOOD_FIRST),
            _SMALL,
            st.just(True),
            st.sampled_from(
                [b"\x7e\x00\x03", b"\x7f" + bytes(7) + b"\x03", b"\x7f" + b"\xff" * 8]
            ),
        )
    ),
    st.builds(Bye, st.sampled_from([1000, 1001, 1011])),
)
_PLAYS = st.tuples(
    st.lists(_GOING_ON, max_size=5),
    st.lists(_ENDING, max_size=2),
    st.lists(_GOING_ON, max_size=3),
).map(lambda parts: [scene for part in parts for scene in part])
_SPLITS = st.one_of(
    st.just([*[1] * 40, 90]),
    st.just([1 << 20]),
    st.lists(st.integers(1, 90), min_size=1, max_size=9),
)


def _acts(
    play: list[_Scene],
    split: list[int],
    lost: int,
    *,
    masked: bool,
) -> list[bytes | Say | Bye]:
    """The play as acts: frames run together as bytes, which arrive in pieces."""
    acts: list[bytes | Say | Bye] = [b""]
    for scene in play:
        if isinstance(scene, Say | Bye):
            acts += [scene, b""]
            continue
        for first, payload, rightly, size in scene:
            last = acts[-1]
            assert isinstance(last, bytes)
            acts[-1] = last + frame(first, payload, masked=masked is rightly, size=size)
    if lost and isinstance(acts[-1], bytes):
        acts[-1] = acts[-1][:-lost]
    pieces: list[bytes | Say | Bye] = []
    turn = 0
    for act in acts:
        if not isinstance(act, bytes):
            pieces.append(act)
            continue
        at = 0
        while at < len(act):
            pieces.append(act[at : at + split[turn % len(split)]])
            at += split[turn % len(split)]
            turn += 1
    return pieces


@settings(max_examples=160, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    play=_PLAYS,
    split=_SPLITS,
    lost=st.integers(0, 9),
    server=st.booleans(),
    slow=st.integers(0, 6),
    binary=st.booleans(),
)
# The library stops reading at a message that is too long, but first looks at all that
# came with its end: there a frame is broken before its header is complete.
@example(
    play=[[_LONG, (0x03, b"", True, None)]],
    split=[206, 90],
    lost=1,
    server=True,
    slow=0,
    binary=False,
)
@example(
    play=[[_LONG, (0x81, b"", True, b"\x7e\x00\x03")]],
    split=[206, 90],
    lost=4,
    server=True,
    slow=0,
    binary=False,
)
@example(
    play=[[_LONG, (0x89, b"", True, b"\x7e\x00\x7f")]],
    split=[202, 90],
    lost=2,
    server=False,
    slow=0,
    binary=False,
)
# A pong, which the tap keeps to itself, between the end and the broken frame.
@example(
    play=[
        [_LONG, (0x01, b"", True, None), (0x8A, b"", True, None)],
        [(0x80, b"\xff", True, None)],
    ],
    split=[1 << 20],
    lost=0,
    server=False,
    slow=0,
    binary=False,
)
async def test_what_is_heard_sent_and_how_it_ends_is_the_same_for_any_split(
    *,
    play: list[_Scene],
    split: list[int],
    lost: int,
    server: bool,
    slow: int,
    binary: bool,
) -> None:
    acts = _acts(play, split, lost, masked=server)
    note(repr(acts))
    plain = await Player(server, slow, tapped=False).play(acts)
    tapped = await Player(server, slow, tapped=True, binary=binary).play(acts)

    if slow:
        # A plain reader that lags loses what is queued when its own end closes; what
        # the tap takes was never in a queue.
        tapped.heard = tapped.heard[: len(plain.heard)]
    if slow and (plain.crashed or plain.closed in _OWN_END):
        # The play ends where the library's reader falls over or closes, and how far a
        # reader of ours that lags has come by then depends on the order of the scheduler.
        plain.heard = plain.heard[: len(tapped.heard)]
    tapped.taken = 0
    assert tapped == plain
