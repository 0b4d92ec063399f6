"""Too much, of the wrong kind, or never read: what a caller's leg puts up with."""

import base64
import socket
from array import array
from contextlib import suppress

import pytest
import trio
from trio.testing import MockClock
from websockets.exceptions import ConnectionClosed

from tests.peers.core import calling, silence
from tests.peers.model import scripted_model

from .kit import goes_on, log, talking
from .service import serving

LIMIT = 64 * 1024


def padded(size: int) -> str:
    return '{"type":"strange","x":"' + "x" * (size - 25) + '"}'


async def test_a_message_of_64_kib_is_fine() -> None:
    async with talking() as talk:
        assert len(padded(LIMIT)) == LIMIT
        await talk.core.send(padded(LIMIT))
        await goes_on(talk.core, talk.session)
        assert not talk.core.of("error")


@pytest.mark.parametrize("size", [LIMIT + 1, 4 * LIMIT, 4 * LIMIT + 1, 64 * LIMIT])
@pytest.mark.parametrize("fragmented", [False, True])
async def test_a_longer_message_closes_with_1009(size: int, fragmented: bool) -> None:
    with log():
        async with talking() as talk:
            text = padded(size)
            parts = [text[: size // 2], text[size // 2 :]]
            # The service may close before all of it was sent.
            with suppress(ConnectionClosed):
                await talk.core.ws.send(parts if fragmented else text)
            assert await talk.core.wait_closed() == 1009
            assert str(LIMIT) in talk.core.of("error")[0].message["message"]
            with trio.fail_after(3):
                await talk.session.closed.wait()
            assert talk.session.close_code == 1000


async def test_bytes_are_counted_and_not_letters() -> None:
    with log():
        async with talking() as talk:
            await talk.core.send('{"type":"strange","x":"' + "ü" * 33_000 + '"}')
            assert await talk.core.wait_closed() == 1009


@pytest.mark.parametrize("size", [0, 320, 4 * LIMIT])
async def test_a_binary_message_closes_with_1003(size: int) -> None:
    with log():
        async with talking() as talk:
            await talk.core.send(bytes(size))
            assert await talk.core.wait_closed() == 1003
            assert "binary" in talk.core.of("error")[0].message["message"]


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        # Masked with zeros: text that is not UTF-8, an opcode that there is not, a
        # reserved bit, a ping that is too long; and a frame without a mask.
        (b"\x81\x82\x00\x00\x00\x00\xff\xfe", 1007),
        (b"\x83\x80\x00\x00\x00\x00", 1002),
        (b"\xc1\x80\x00\x00\x00\x00", 1002),
        (b"\x89\xfe\x00\x80\x00\x00\x00\x00" + bytes(128), 1002),
        (b"\x81\x02{}", 1002),
    ],
)
async def test_bytes_that_break_the_protocol_end_the_call_with_words_and_a_code(
    frame: bytes, code: int
) -> None:
    with log() as lines:
        async with talking() as talk:
            await talk.core.ws.stream.send_all(frame + bytes(3000))
            assert await talk.core.wait_closed() == code
            assert "WebSocket" in talk.core.of("error")[0].message["message"]
            with trio.fail_after(3):
                await talk.session.closed.wait()
            assert talk.session.close_code == 1000
    summary = next(line for line in lines if line["event"] == "call ended")
    assert repr(summary["close_code"]) == str(code)


async def test_a_flood_loses_its_oldest_audio_and_the_loss_is_counted(
    hurried_clock: MockClock,
) -> None:
    with log() as lines:
        async with talking() as talk:
            for second in range(30):
                pcm = array("h", [1000 * second]).tobytes() * 8000
                audio = base64.b64encode(pcm).decode()
                await talk.core.send({"type": "audio", "audio": audio})
            # 5 s at once, and of the rest the last 10 s.
            heard = array("h", await talk.session.heard(14_990 * 48, within_s=20))
            assert len(heard) <= 15_000 * 24
            seconds = [
                round(heard[n] / 1000) for n in range(12_000, len(heard), 24_000)
            ]
            assert seconds == [*range(5), *range(20, 30)]
            await goes_on(talk.core, talk.session)
            await talk.core.hang_up()
            with trio.fail_after(3):
                await talk.session.closed.wait()
    summary = next(line for line in lines if line["event"] == "call ended")
    assert summary["caller_audio_s"] == pytest.approx(30.2)
    assert summary["dropped_audio_ms"] == 15_000


@pytest.mark.parametrize("reads_again", [False, True])
async def test_a_caller_who_does_not_read_is_closed_with_1008(
    hurried_clock: MockClock, reads_again: bool
) -> None:
    with log() as lines:
        async with (
            scripted_model() as model,
            serving(model.base_url) as service,
            calling(service.url, stream=await narrow(service.port)) as core,
        ):
            await core.init()
            session = await model.next_session()
            await session.expect("response.create")
            core.stop_reading()
            stalled_at = trio.current_time()
            async with session.response() as response:
                await response.say(silence(90_000))
            for turn in range(200):
                await session.transcribed(f"item-{turn}", "word " * 4000)
            before = len(session.audio)
            await core.speak(silence(1000))
            # The model is still read and still hears.
            await session.heard(before + 900 * 48)
            if reads_again:
                await trio.sleep_until(stalled_at + 6)
                core.read_on()
                assert await core.wait_closed(10) == 1008
                assert "read" in core.of("error")[0].message["message"]
            with trio.fail_after(10):
                await session.closed.wait()
            assert 4.9 < trio.current_time() - stalled_at < 8
    summary = next(line for line in lines if line["event"] == "call ended")
    assert summary["close_code"] == 1008
    assert summary["outcome"] == "caller does not read"


async def narrow(port: int) -> trio.SocketStream:
    """A connection that holds little of what its owner does not read."""
    stdlib = socket.socket()
    stdlib.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stream = trio.SocketStream(trio.socket.from_stdlib_socket(stdlib))
    await stream.socket.connect(("127.0.0.1", port))
    return stream
