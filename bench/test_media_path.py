"""The media path piece by piece: what 20 ms of caller and 100 ms of agent cost in each.

``make bench-micro`` runs it; ``make test`` does not. A call second holds 50 caller frames
and, with deltas of 100 ms, 10 deltas. Caches are warm here, as they are not in a process
with many calls: these figures compare one way with another, a load says what it costs.
"""

import struct
from collections.abc import Callable, Coroutine, Iterator
from itertools import count, cycle
from math import pi, sin
from typing import TypeVar

import orjson
import pybase64
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from trio_sts.audio.formats import AudioFormat, decoder, encoder
from trio_sts.audio.framing import FRAME_BYTES, frame_bytes
from trio_sts.audio.portable_vad import detect_speech as detect_speech_in_numpy
from trio_sts.audio.speedups import detect_speech
from trio_sts.audio.voice_activity import STATE_BYTES, spectrum_table
from trio_sts.conversation.config import Rules
from trio_sts.conversation.inputs import ModelReady
from trio_sts.conversation.parts.ear import Ear
from trio_sts.conversation.session import Conversation
from trio_sts.legs.fastpath.demux import Demux
from trio_sts.legs.fastpath.frames import Binary, Masks, message_frame
from trio_sts.legs.outbox import Outbox
from trio_sts.wire import avr
from trio_sts.wire.avr_codec import decode_from_core, encode_frames, encode_from_core
from trio_sts.wire.realtime.codec import decode_event, encode_request
from trio_sts.wire.realtime.events import AudioDelta
from trio_sts.wire.realtime.items import SessionInfo
from trio_sts.wire.realtime.requests import AppendAudio
from trio_sts.wire.realtime.session import Dialect

_T = TypeVar("_T")

# Sound that uses the range of 16 bits; what it is does not matter to any of this.
_SOUND = bytes(range(256)) * 20
FRAME = _SOUND[:FRAME_BYTES]
FRAMES = _SOUND[: 5 * FRAME_BYTES]
APPENDED = _SOUND[: 3 * FRAME_BYTES]
FORMATS: tuple[AudioFormat, ...] = ("pcm", "pcmu", "pcma")
RATES_HZ = (8_000, 16_000, 24_000)
# 100 ms in each of the model's formats.
DELTA = {"pcm": _SOUND[:4800], "pcmu": _SOUND[:800], "pcma": _SOUND[:800]}
DELTA_EVENT = orjson.dumps(
    {
        "type": "response.output_audio.delta",
        "event_id": "event_1",
        "response_id": "resp_1",
        "item_id": "item_1",
        "output_index": 0,
        "content_index": 0,
        "delta": pybase64.b64encode_as_string(DELTA["pcm"]),
    }
)
# Nothing of these may come in the way of an endless call.
RULES = Rules(greeting=False, max_call_s=1e9, idle_s=1e9)


@pytest.fixture(name="core")
def _core() -> Conversation:
    core = Conversation(RULES, now=0, fallback_uuid="1")
    core.take(avr.Init("1"), 0)
    core.take(ModelReady(SessionInfo()), 0)
    return core


def _clock(step_s: float) -> Callable[[], float]:
    ticks: Iterator[int] = count(1)
    return lambda: next(ticks) * step_s


def _at_once(coroutine: Coroutine[object, object, _T]) -> _T:
    """What a coroutine returns that has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        value: _T = done.value
        return value
    raise AssertionError("it waits")


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("audio_format", FORMATS)
def test_caller_frame_to_the_models_format(
    benchmark: BenchmarkFixture, audio_format: AudioFormat, rate_hz: int
) -> None:
    frame = _SOUND[: frame_bytes(rate_hz)]
    assert benchmark(encoder(audio_format, rate_hz).encode, frame)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("audio_format", FORMATS)
def test_delta_from_the_models_format(
    benchmark: BenchmarkFixture, audio_format: AudioFormat, rate_hz: int
) -> None:
    assert benchmark(decoder(audio_format, rate_hz).decode, DELTA[audio_format])


def test_20_ms_from_24_khz(benchmark: BenchmarkFixture) -> None:
    assert benchmark(decoder("pcm").decode, APPENDED)


@pytest.mark.parametrize("sound", ["speech", "silence"])
@pytest.mark.parametrize(
    "detect", [detect_speech, detect_speech_in_numpy], ids=["compiled", "numpy"]
)
def test_voice_activity_in_five_frames(
    benchmark: BenchmarkFixture,
    detect: Callable[[bytes, bytearray, bytes], bytes],
    sound: str,
) -> None:
    """Of 100 ms in the middle of a word, or of silence."""
    pcm = _word() if sound == "speech" else bytes(5 * FRAME_BYTES)
    state, table = bytearray(STATE_BYTES), spectrum_table()
    detect(pcm, state, table)
    # A copy each time: what never ends becomes the noise floor.
    assert benchmark(lambda: len(detect(pcm, bytearray(state), table))) == 5


def test_ear_takes_a_frame(benchmark: BenchmarkFixture) -> None:
    """As the core's pass does for each; every fifth is analysed."""
    ear, now = Ear(), _clock(0.02)
    frames = cycle(_word()[n : n + FRAME_BYTES] for n in range(0, 1600, FRAME_BYTES))
    benchmark(lambda: ear.hear(next(frames), now()))


def _word() -> bytes:
    """100 ms of a voice at 120 Hz that rises, with two formants."""
    samples: list[int] = []
    for n in range(800):
        t = n / 8_000
        phase = 2 * pi * (120 * t + 100 * t * t)
        size = sum(
            sin(k * phase) / (1 + ((k * 130 - 600) / 200) ** 2) for k in range(1, 20)
        )
        samples.append(round(6_000 * size))
    return struct.pack("<800h", *samples)


def test_decode_a_caller_frame(benchmark: BenchmarkFixture) -> None:
    text = encode_from_core(avr.CallerAudio(FRAME))
    assert benchmark(decode_from_core, text) == avr.CallerAudio(FRAME)


def test_encode_five_agent_frames(benchmark: BenchmarkFixture) -> None:
    assert benchmark(encode_frames, FRAMES) == encode_frames(FRAMES)


def test_decode_a_delta(benchmark: BenchmarkFixture) -> None:
    delta = AudioDelta("resp_1", "item_1", DELTA["pcm"], 0)
    assert benchmark(decode_event, DELTA_EVENT) == delta


def test_encode_an_append(benchmark: BenchmarkFixture) -> None:
    assert benchmark(encode_request, AppendAudio(APPENDED), Dialect.GA)


def test_core_pass_of_a_caller_frame(
    benchmark: BenchmarkFixture, core: Conversation
) -> None:
    """With the encoding to 24 kHz and the next deadline, as the relay asks for it."""
    now = _clock(0.02)
    message = avr.CallerAudio(FRAME)

    def one_pass() -> int:
        commands = core.take(message, now())
        assert core.deadline > 0
        return len(commands)

    assert benchmark(one_pass) == 1


def test_core_pass_of_a_delta(benchmark: BenchmarkFixture, core: Conversation) -> None:
    """With the decoding to 8 kHz and the next deadline, as the relay asks for it."""
    now = _clock(0.1)
    event = AudioDelta("resp_1", "item_1", DELTA["pcm"], 0)

    def one_pass() -> int:
        commands = core.take(event, now())
        assert core.deadline > 0
        return len(commands)

    assert benchmark(one_pass) == 1


async def test_post_to_an_outbox_and_take(benchmark: BenchmarkFixture) -> None:
    message = avr.AgentAudio(FRAMES)

    async def post_and_take() -> avr.ToCore:
        outbox.post(message)
        return await outbox.take()

    outbox = Outbox[avr.ToCore](lambda _: 100.0, max_audio_ms=5000, max_controls=256)
    assert await post_and_take() is message
    assert benchmark(lambda: _at_once(post_and_take())) is message


def test_divide_a_callers_frame(benchmark: BenchmarkFixture) -> None:
    text = encode_from_core(avr.CallerAudio(FRAME))
    _divide(benchmark, message_frame(text, b"mask"), server=True)


def test_divide_a_delta(benchmark: BenchmarkFixture) -> None:
    _divide(benchmark, message_frame(DELTA_EVENT), server=False)


def test_divide_a_frame_of_an_asterisk(benchmark: BenchmarkFixture) -> None:
    frame = message_frame(Binary(bytes(960)), b"mask")
    _divide(benchmark, frame, server=True, binary=True)


def _divide(
    benchmark: BenchmarkFixture, frame: bytes, *, server: bool, binary: bool = False
) -> None:
    request = b"GET / HTTP/1.1\r\n\r\n"
    answer = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
    demux = Demux(server, max_payload_bytes=1 << 20, binary=binary)
    demux.feed(request if server else answer)
    demux.divide()
    demux.on_texts = demux.on_binaries = list[bytes].clear

    def one() -> bytes:
        demux.feed(frame)
        return demux.divide()

    # It is taken, or it would come out here.
    assert benchmark(one) == b""


def test_frame_an_append_with_its_mask(benchmark: BenchmarkFixture) -> None:
    masks = Masks()
    text = encode_request(AppendAudio(APPENDED), Dialect.GA)
    assert benchmark(lambda: message_frame(text, masks.draw()))


def test_frame_five_messages_for_a_caller(benchmark: BenchmarkFixture) -> None:
    texts = encode_frames(FRAMES)
    assert benchmark(lambda: b"".join([message_frame(text) for text in texts]))
