"""The mixer of a recording: against a stand-in that plays, and by what must hold."""

from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_sts.audio.framing import FRAME_SAMPLES, SAMPLE_RATE_HZ
from trio_sts.audio.g711 import MU_LAW
from trio_sts.phone.playback import Playback
from trio_sts.record.recording import SETTLING_S, STALL_S, Recording

_FRAME_S = 0.02
_SILENCE = 0
# Half a frame: `recording_caller` lays end to end what is no farther apart.
_TOLERANCE_S = 0.01 + 1e-6

Samples = npt.NDArray[np.int16]


def _tone(number: int, samples: int = FRAME_SAMPLES) -> bytes:
    """Audio that is told from other audio: one value, which mu-law keeps as it is."""
    codes = bytes([number % 100 + 1])
    return MU_LAW.decode(codes) * samples


def _value(number: int) -> int:
    return int(np.frombuffer(_tone(number, 1), "<i2")[0])


def _sides(pieces: Iterable[bytes]) -> tuple[Samples, Samples]:
    """Caller and agent, decoded."""
    both = np.frombuffer(b"".join(pieces), np.uint8)
    caller, agent = (MU_LAW.decode(both[side::2].tobytes()) for side in (0, 1))
    return np.frombuffer(caller, "<i2"), np.frombuffer(agent, "<i2")


def _runs(samples: Samples) -> list[tuple[int, int, int]]:
    """What is heard: the value, where it begins and how many samples it has."""
    found: list[tuple[int, int, int]] = []
    at = 0
    for value, group in groupby(samples.tolist()):
        length = len(list(group))
        if value != _SILENCE:
            found.append((value, at, length))
        at += length
    return found


def _recorded(
    arrivals: Sequence[tuple[float, bytes]],
    *,
    end: float,
    taken_every_s: float | None = 1.0,
) -> Samples:
    """The caller's side, after these messages."""
    recording = Recording(0.0)
    pieces: list[bytes] = []
    due = taken_every_s or end + 1
    for at, pcm in arrivals:
        while at >= due:
            pieces += recording.take(due)
            due += taken_every_s or end
        recording.caller(at, pcm)
    pieces += recording.finish(end)
    return _sides(pieces)[0]


# The agent, as AVR Core plays it.

_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("frame"), st.just(0)),
        st.tuples(st.just("audio"), st.integers(1, 40)),
        st.tuples(st.just("interrupt"), st.just(0)),
        st.tuples(st.just("take"), st.just(0)),
    ),
    max_size=120,
)


@given(steps=_STEPS, offset_ms=st.integers(0, 60), rest_ms=st.integers(0, 400))
def test_the_agent_is_heard_as_a_stand_in_plays_it(
    steps: list[tuple[str, int]], offset_ms: int, rest_ms: int
) -> None:
    recording = Recording(100.0)
    playback = Playback()
    pieces: list[bytes] = []
    played: list[bytes] = []
    slot = number = 0

    def tick() -> None:
        nonlocal slot
        recording.caller(start + slot * _FRAME_S, _tone(50))
        played.append(playback.play() or bytes(320))
        slot += 1

    start = 100.0 + offset_ms / 1000
    tick()
    for kind, frames in steps:
        # Between two frames of the caller's, wherever the clock of that is.
        now = start + (slot - 0.5) * _FRAME_S
        match kind:
            case "frame":
                tick()
            case "audio":
                number += 1
                recording.agent(now, _tone(number) * frames)
                playback.push(_tone(number) * frames)
            case "interrupt":
                recording.interrupt(now)
                playback.flush()
            case _:
                pieces += recording.take(now)
    for _ in range(rest_ms // 20):
        tick()
    pieces += recording.finish(start + (slot - 1) * _FRAME_S)
    caller, agent = _sides(pieces)
    before = offset_ms * 8
    expected = bytes(before * 2) + b"".join(played)
    assert agent.tobytes() == expected
    assert len(caller) == len(agent)
    assert caller.tobytes() == bytes(before * 2) + _tone(50) * slot


def test_a_frame_that_is_being_played_is_played_to_its_end() -> None:
    recording = Recording(0.0)
    for slot in range(50):
        recording.caller(slot * _FRAME_S, _tone(1))
    recording.agent(0.1, _tone(2) * 30)
    recording.interrupt(0.251)
    recording.agent(0.5, _tone(3) * 2)
    _, agent = _sides(recording.finish(1.0))
    # Sent in the moment of a tick, it is played at the next one.
    assert _runs(agent) == [
        (_value(2), 960, 2080 - 960),
        (_value(3), 4160, 2 * FRAME_SAMPLES),
    ]


def test_what_was_not_played_when_the_call_was_over_is_not_heard() -> None:
    recording = Recording(0.0)
    recording.agent(0.0, _tone(2) * 50)
    caller, agent = _sides(recording.finish(0.5))
    assert len(caller) == len(agent) == 4000
    assert _runs(agent) == [(_value(2), 160, 3840)]


# The caller, by arrival.


@pytest.mark.parametrize("taken_every_s", [0.001, 0.333, 1.0, 3.0])
def test_what_comes_a_little_late_or_early_leaves_no_gap(taken_every_s: float) -> None:
    rng = np.random.default_rng(7)
    sent = 0.3 + np.arange(500) * _FRAME_S
    # On one connection nothing overtakes.
    came = np.maximum.accumulate(sent + rng.uniform(0.0005, 0.03, 500))
    arrivals = [(float(at), _tone(n % 2 + 1)) for n, at in enumerate(came)]
    # However the moments at which it is taken fall.
    runs = _runs(_recorded(arrivals, end=11.0, taken_every_s=taken_every_s))
    assert [length for _, _, length in runs] == [FRAME_SAMPLES] * 500
    starts = [at for _, at, _ in runs]
    assert np.all(np.diff(starts) == FRAME_SAMPLES)
    assert abs(starts[0] / SAMPLE_RATE_HZ - 0.3) < _TOLERANCE_S


def test_a_pause_is_as_long_as_it_was() -> None:
    frames = [(n * _FRAME_S, _tone(1)) for n in range(50)]
    frames += [(1.137 + n * _FRAME_S, _tone(2)) for n in range(50)]
    assert _runs(_recorded(frames, end=3.0)) == [
        (_value(1), 0, 8000),
        (_value(2), round(1.137 * 8000), 8000),
    ]


def test_how_late_the_first_one_after_a_stall_is_is_told_by_those_behind_it() -> None:
    recording = Recording(0.0)
    pieces: list[bytes] = []
    for n in range(200):
        at = n * _FRAME_S
        # The process is held up for a second; two messages get through in between.
        late = 2.5 if n in (101, 102) else 3.0
        at = late if 2.0 < at < 3.0 else at
        if n == 102:
            pieces += recording.take(2.5)
        if n == 103:
            # The agent goes on.
            pieces += recording.take(2.9)
        recording.caller(at, _tone(n % 2 + 1))
    pieces += recording.finish(4.0)
    samples, _ = _sides(pieces)
    assert [at for _, at, _ in _runs(samples)] == [*range(0, 32_000, 160)]


@pytest.mark.parametrize("stall_s", [0.05, 0.5, 3.0, 4.9])
def test_what_a_stall_held_up_is_where_it_was_said(stall_s: float) -> None:
    begins = 2.0
    frames: list[tuple[float, bytes]] = []
    for n in range(500):
        at = n * _FRAME_S
        held_up = begins < at < begins + stall_s
        frames.append((begins + stall_s if held_up else at, _tone(n % 2 + 1)))
    samples = _recorded(frames, end=10.0)
    assert [at for _, at, _ in _runs(samples)] == [*range(0, 80_000, 160)]


def test_what_comes_after_its_place_was_taken_is_left_out_and_the_rest_is_in_place() -> (
    None
):
    began, stall_s = 2.0, 8.0
    frames = [(n * _FRAME_S, _tone(n % 2 + 1)) for n in range(101)]
    held_up = [(began + stall_s, _tone(3))] * 400
    rest = [(began + stall_s + n * _FRAME_S, _tone(n % 2 + 1)) for n in range(1, 100)]
    recording = Recording(0.0)
    pieces: list[bytes] = []
    for at, pcm in frames:
        recording.caller(at, pcm)
    # The agent goes on, and so does the recording.
    for n in range(80):
        pieces += recording.take(began + n / 10)
    for at, pcm in [*held_up, *rest]:
        recording.caller(at, pcm)
    pieces += recording.finish(12.0)
    samples, _ = _sides(pieces)
    runs = _runs(samples)
    assert [at for _, at, _ in runs[:101]] == [*range(0, 101 * 160, 160)]
    # Until 5 s before the last look it was silence for good.
    value, at, length = runs[101]
    assert value == _value(3)
    assert at == round((began + 7.9 - STALL_S) * 8000)
    assert at + length == runs[102][1] == round((began + stall_s) * 8000) + 160
    assert [at for _, at, _ in runs[102:]] == [
        round((began + stall_s) * 8000) + 160 * n for n in range(1, 100)
    ]


@pytest.mark.parametrize("rate", [1 - 150e-6, 1 + 150e-6])
def test_clocks_that_differ_drift_apart_by_half_a_frame_at_most(rate: float) -> None:
    """For one hour, by a clock of AVR Core's that is fast or slow."""
    recording = Recording(0.0)
    length = 0
    marks: list[int] = []
    for n in range(180_000):
        at = n * _FRAME_S * rate
        if n % 50 == 0:
            for piece in recording.take(at):
                caller = np.frombuffer(piece, np.uint8)[::2]
                marks += [length + int(each) for each in np.flatnonzero(caller != 0xFF)]
                length += len(caller)
        # A mark in the last sample of one frame in five hundred.
        marked = n % 500 == 0
        recording.caller(at, bytes(318) + _tone(1, 1) if marked else bytes(320))
    positions = (np.array(marks) - 159) / SAMPLE_RATE_HZ
    said = np.arange(0, 180_000, 500) * _FRAME_S * rate
    assert len(positions) == 360
    assert np.max(np.abs(positions - said)) < _TOLERANCE_S


_ARRIVALS = st.lists(
    st.tuples(
        # A frame's distance from the one before, and how many come together.
        st.one_of(st.just(20.0), st.floats(0, 60), st.floats(0, 7000)),
        st.integers(1, 12),
    ),
    min_size=1,
    max_size=40,
)


@given(
    arrivals=_ARRIVALS,
    taken_every_ms=st.integers(20, 3000),
    end_ms=st.floats(0, 1000),
)
def test_nothing_is_later_than_it_came_and_nothing_is_heard_twice(
    arrivals: list[tuple[float, int]], taken_every_ms: int, end_ms: float
) -> None:
    now = 0.0
    messages: list[tuple[float, bytes]] = []
    came: list[float] = []
    for gap_ms, frames in arrivals:
        now += gap_ms / 1000
        pcm = b"".join(_tone(len(came) + n) for n in range(frames))
        came += [now] * frames
        messages.append((now, pcm))
    end = now + end_ms / 1000
    samples = _recorded(messages, end=end, taken_every_s=taken_every_ms / 1000)
    assert len(samples) >= round(end * SAMPLE_RATE_HZ)
    assert len(samples) <= round((max(end, now) + _FRAME_S + _TOLERANCE_S) * 8000) + 1
    values = [_value(n) for n in range(len(came))]
    following = 0
    for value, at, length in _runs(samples):
        # In order, some of them left out.
        number = values.index(value, following)
        following = number + 1
        assert length <= FRAME_SAMPLES
        assert at / SAMPLE_RATE_HZ < came[number] + _FRAME_S + _TOLERANCE_S
    # What had its time is there to the last frame.
    assert not len(came) or following == len(came)


@given(
    cuts=st.lists(st.integers(1, 799), max_size=20, unique=True),
    at_ms=st.floats(200, 1000),
)
def test_it_does_not_matter_how_audio_that_came_together_was_split(
    cuts: list[int], at_ms: float
) -> None:
    audio = b"".join(_tone(n) for n in range(5))
    edges = [0, *sorted(cuts), 800]
    parts = [
        (at_ms / 1000, audio[2 * begin : 2 * end]) for begin, end in pairwise(edges)
    ]
    whole = _recorded([(at_ms / 1000, audio)], end=2.0)
    split = _recorded(parts, end=2.0)
    assert whole.tobytes() == split.tobytes()


def test_what_is_kept_is_bounded() -> None:
    recording = Recording(0.0)
    given = 0
    for n in range(3000):
        now = n * _FRAME_S
        given += sum(map(len, recording.take(now))) // 2
        assert now - given / SAMPLE_RATE_HZ <= STALL_S + 1e-3
        # Nothing comes from the caller after 10 s, and the agent goes on.
        if n < 500:
            assert now - given / SAMPLE_RATE_HZ <= SETTLING_S + _FRAME_S + 1e-3
            recording.caller(now, _tone(1))
        recording.agent(now, _tone(2))


# Lines at higher rates.

_RATES_HZ = (8_000, 16_000, 24_000)
_WIDE = pytest.mark.parametrize("rate_hz", _RATES_HZ[1:])


def _wave(hertz: float, rate_hz: int, seconds: float = 2.0) -> bytes:
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    wave: Samples = np.rint(8_000 * np.sin(2 * np.pi * hertz * time_s)).astype("<i2")
    return wave.tobytes()


def _held(rate_hz: int, caller: bytes, agent: bytes) -> tuple[Samples, Samples]:
    """A call of both, frame by frame; the agent's comes five frames at a time."""
    recording = Recording(0.0, rate_hz)
    pieces: list[bytes] = []
    size = rate_hz // 50 * 2
    for n in range(len(caller) // size):
        now = n * _FRAME_S
        pieces += recording.take(now) if n % 50 == 0 else []
        recording.caller(now, caller[n * size : (n + 1) * size])
        if n % 5 == 0:
            recording.agent(now, agent[n * size : (n + 5) * size])
    pieces += recording.finish(len(caller) / (2 * rate_hz))
    return _sides(pieces)


def _level_db(samples: Samples, hertz: float) -> float:
    """Of one frequency in the middle of two seconds; 0 dB for what `_wave` makes."""
    middle = samples[2_000:14_000] * np.blackman(12_000)
    turn = np.exp(-2j * np.pi * hertz * np.arange(12_000) / SAMPLE_RATE_HZ)
    found = 2 * abs((middle * turn).sum()) / np.blackman(12_000).sum()
    return float(20 * np.log10(found / 8_000 + 1e-9))


@_WIDE
def test_both_sides_of_a_wideband_call_are_told_as_telephone_sound(
    rate_hz: int,
) -> None:
    sides = _held(rate_hz, _wave(1_000, rate_hz), _wave(3_000, rate_hz))
    for side, hertz, other in zip(sides, (1_000, 3_000), (3_000, 1_000), strict=True):
        assert len(side) == 2 * SAMPLE_RATE_HZ
        assert abs(_level_db(side, hertz)) < 0.5
        assert _level_db(side, other) < -55


@_WIDE
def test_what_a_telephone_does_not_carry_leaves_nothing_behind(rate_hz: int) -> None:
    sides = _held(rate_hz, _wave(5_000, rate_hz), _wave(7_900, rate_hz))
    for side in sides:
        # But for the sound's begin, its last frame and half a frame of silence.
        assert np.abs(side[400:15_500]).max() <= 16


@pytest.mark.parametrize("rate_hz", _RATES_HZ)
def test_the_same_call_has_the_same_times_at_every_rate(rate_hz: int) -> None:
    """Within the filter's delay, which both sides have alike."""
    silence = bytes(rate_hz)  # half a second
    beep = _wave(1_000, rate_hz, 0.1)
    call = silence + beep + silence * 2
    # It is played from the next frame on.
    caller, agent = _held(rate_hz, call, call)
    for side, begin in ((caller, 4_000), (agent, 4_000 + FRAME_SAMPLES)):
        loud = np.flatnonzero(np.abs(side) > 2_000)
        assert 0 <= loud[0] - begin <= 0.003 * SAMPLE_RATE_HZ
        assert abs(loud[-1] - loud[0] - 800) <= 8


@pytest.mark.parametrize("rate_hz", _RATES_HZ)
def test_nothing_of_what_was_interrupted_is_in_what_comes_next(rate_hz: int) -> None:
    recording = Recording(0.0, rate_hz)
    recording.agent(0.0, _wave(1_010, rate_hz, 0.1)[:-2] + b"\xff\x7f")
    recording.interrupt(0.05)
    recording.agent(0.3, bytes(rate_hz // 10))
    _, agent = _sides(recording.finish(0.5))
    assert np.abs(agent[800:]).max() == 0


def test_parts_of_samples_and_units_are_kept_for_the_next_message() -> None:
    whole, parts = Recording(0.0, 24_000), Recording(0.0, 24_000)
    sound = _wave(700, 24_000, 0.5)
    whole.caller(0.0, sound)
    for at in range(0, len(sound), 38):
        parts.caller(0.0, sound[at : at + 38])
    one, other = (b"".join(each.finish(1.0)) for each in (whole, parts))
    assert one == other
