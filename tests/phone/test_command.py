"""The command end to end: real time, real sockets, a service of another library."""

import json
import queue
import signal
import subprocess
import sys
import threading
import wave
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trio
from click.testing import CliRunner, Result
from websockets.exceptions import ConnectionClosed
from websockets.trio.server import Server, ServerConnection, serve

from tests.phone.fakes import Handler, is_loud, receive, send, silence, speak, tone
from trio_sts.errors import StsError
from trio_sts.phone.command import call
from trio_sts.soundfiles import read_sound

FAST = ["--quiet-ms", "200", "--seconds", "10"]


@contextmanager
def service(handler: Handler) -> Generator[str]:
    """A service in a thread of its own, so that the command has the main one."""
    ready = queue.Queue[tuple[int, trio.lowlevel.TrioToken, trio.Event]]()

    async def main() -> None:
        stop = trio.Event()
        token = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as nursery:
            start = partial(serve, handler, 0, host="127.0.0.1")
            server: Server = await nursery.start(start)
            port: int = server.listeners[0].socket.getsockname()[1]
            ready.put((port, token, stop))
            await stop.wait()
            nursery.cancel_scope.cancel(reason="the test is over")

    thread = threading.Thread(target=trio.run, args=(main,))
    thread.start()
    port, token, stop = ready.get(timeout=10)
    try:
        yield f"ws://127.0.0.1:{port}"
    finally:
        trio.from_thread.run_sync(stop.set, trio_token=token)
        thread.join(10)


def invoke(
    *arguments: str | Path, speaker: Callable[[str], bytes] | None = None
) -> Result:
    words = [str(argument) for argument in arguments]
    return CliRunner().invoke(call, words, obj=speaker)


def save(path: Path, pcm: bytes, rate_hz: int = 8000) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate_hz, 0, "NONE", ""))
        file.writeframes(pcm)
    return path


async def converse(ws: ServerConnection) -> None:
    """Greet, then answer every utterance and every #."""
    await receive(ws)
    await send(ws, type="transcript", role="agent", text="Hello")
    await speak(ws, 10)
    spoke, quiet = False, 0
    with suppress(ConnectionClosed):
        while True:
            message = await receive(ws)
            loud = is_loud(message)
            spoke, quiet = spoke or loud, 0 if loud else quiet + 1
            if message.get("digit") == "#" or (spoke and quiet == 5):
                await send(ws, type="transcript", role="user", text="A question")
                await speak(ws, 10)
                spoke = False


def test_a_conversation_is_held_shown_and_recorded(tmp_path: Path) -> None:
    first = save(tmp_path / "first.wav", tone(10))
    second = save(tmp_path / "second.wav", silence(3) + tone(20), 16_000)
    record = tmp_path / "both.wav"
    asked: list[Any] = []

    async def handler(ws: ServerConnection) -> None:
        assert ws.request is not None
        asked.append((ws.request.path, ws.request.headers["Authorization"]))
        await converse(ws)

    with service(handler) as url:
        options = ["--dtmf", "12#", "--meta", "from=2000", "--token", "secret"]
        wavs = ["--wav", str(first), "--wav", str(second), "--record", str(record)]
        result = invoke(url, *wavs, *options, "--uuid", "a-call", *FAST)
    assert result.exit_code == 0, result.output
    assert asked == [("/?from=2000", "Bearer secret")]
    assert "connected, call a-call" in result.output
    assert "agent: Hello" in result.output
    assert result.output.count("caller: A question") == 3
    assert result.output.count("the caller pressed a key") == 3
    assert "12#" not in result.output
    assert "call over: the caller hung up" in result.output
    assert "turn 3 (keys): answer heard after" in result.output
    assert max(read_sound(record)) > 0


def test_an_agent_that_does_not_answer_is_no_conversation(tmp_path: Path) -> None:
    async def handler(ws: ServerConnection) -> None:
        await receive(ws)
        await speak(ws, 10)
        await send(ws, type="error", message="The model is gone")
        await trio.sleep(0.7)
        await ws.aclose(1011, "model failed")

    with service(handler) as url:
        wav = save(tmp_path / "question.wav", tone(5))
        result = invoke(url, "--wav", wav, *FAST)
    assert result.exit_code == 1
    assert "error: The model is gone" in result.output
    assert "(code 1011, model failed)" in result.output
    assert "turn 1 (voice): no answer" in result.output


def test_a_service_that_is_not_there_is_no_conversation() -> None:
    result = invoke("ws://127.0.0.1:1", *FAST)
    assert result.exit_code == 1
    assert "could not be reached" in result.output


def test_the_service_may_hang_up_over_avr_ami(tmp_path: Path) -> None:
    port = free_port()

    async def handler(ws: ServerConnection) -> None:
        uuid = (await receive(ws))["uuid"]
        await speak(ws, 5)
        await trio.sleep(0.2)
        body = json.dumps({"uuid": uuid}).encode()
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        async with stream:
            head = b"POST /hangup HTTP/1.1\r\nHost: ami\r\nContent-Length: %d\r\n\r\n"
            await stream.send_all(head % len(body) + body)
            await stream.receive_some()
        with suppress(ConnectionClosed):
            while True:
                await receive(ws)

    with service(handler) as url:
        options = ["--ami-port", str(port), "--quiet-ms", "5000"]
        result = invoke(url, "--seconds", "10", *options)
    assert result.exit_code == 0, result.output
    assert "call over: avr-ami hung up" in result.output


def free_port() -> int:
    async def find() -> int:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        async with listener:
            port: int = listener.socket.getsockname()[1]
        return port

    return trio.run(find)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "Missing argument 'URL'"),
        (["http://h"], "ws:// or wss://"),
        (["ws://h", "--wav", "{tmp}/nothing.wav"], "there is no such file"),
        (["ws://h", "--wav", "{tmp}/song.mp3"], "no sound file"),
        (["ws://h", "--say", "hello"], "no voice"),
        (["ws://h", "--dtmf", "12E"], "0-9"),
        (["ws://h", "--meta", "from"], "name=value"),
        (["ws://h", "--token", "a b"], "printable"),
        (["ws://h", "--seconds", "0"], "--seconds"),
        (["ws://h", "--record", "{tmp}/no/folder.wav"], "No such file"),
        (["ws://h", "--talk-over", "-1"], "--talk-over"),
    ],
)
def test_wrong_usage_is_told_before_anybody_is_called(
    tmp_path: Path, arguments: list[str], told: str
) -> None:
    (tmp_path / "song.mp3").write_bytes(b"ID3")
    result = invoke(*(text.replace("{tmp}", str(tmp_path)) for text in arguments))
    assert result.exit_code == 2
    assert told in result.output
    assert "Traceback" not in result.output


def test_the_help_is_written_for_operators() -> None:
    result = invoke("--help")
    assert result.exit_code == 0
    for word in ("--wav", "--record", "--ami-port", "exit code", "STS_TOKEN"):
        assert word in result.output


def test_a_signal_hangs_up_and_still_reports(tmp_path: Path) -> None:
    code = "from trio_sts.phone.command import call; call()"
    closed: list[int | None] = []
    talking = threading.Event()

    async def handler(ws: ServerConnection) -> None:
        await receive(ws)
        await speak(ws, 5)
        for _ in range(20):
            await receive(ws)
        talking.set()
        with suppress(ConnectionClosed):
            while True:
                await receive(ws)
        closed.append(ws.close_code)

    with service(handler) as url:
        command = [sys.executable, "-c", code, url, "--quiet-ms", "60000"]
        record = tmp_path / "both.wav"
        with subprocess.Popen(
            [*command, "--record", str(record)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert talking.wait(20)
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=10)
    assert process.returncode == 0, output
    assert "call over: the caller hung up" in output
    assert closed == [1000]
    with wave.open(str(record)) as file:
        assert file.getnframes() >= 15 * 160


def test_words_are_spoken_in_the_order_in_which_they_are_written(
    tmp_path: Path,
) -> None:
    wav = save(tmp_path / "middle.wav", tone(20))
    lengths = {"first": 10, "last": 40}
    record = tmp_path / "both.wav"

    with service(converse) as url:
        result = invoke(
            url, "--say", "first", "--wav", wav, "--say", "last", "--record", record,
            *FAST, speaker=lambda words: tone(lengths[words]),
        )  # fmt: skip

    assert result.exit_code == 0
    with wave.open(str(record)) as file:
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    frames = np.abs(both[: len(both) // 160 * 160, 0]).reshape(-1, 160).max(axis=1) > 0
    edges = np.flatnonzero(np.diff(np.concatenate([[0], frames, [0]])))
    assert list(edges[1::2] - edges[::2]) == [10, 20, 40]


def test_a_voice_that_cannot_be_had_is_told_before_anybody_is_called() -> None:
    def missing(words: str) -> bytes:
        raise StsError("no voice for this")

    result = invoke("ws://h", "--say", "hello", speaker=missing)

    assert result.exit_code == 2
    assert "no voice for this" in result.output


async def refuse_late(ws: ServerConnection) -> None:
    """Say why there is no agent, later than a caller waits for a greeting."""
    await receive(ws)
    await trio.sleep(2)
    await send(ws, type="error", message="The assistant is not available.")
    await ws.aclose(1011)


def test_a_caller_who_has_heard_nothing_waits_for_the_reason() -> None:
    with service(refuse_late) as url:
        result = invoke(url, "--greeting", "0.1", "--quiet-ms", "100")

    assert result.exit_code == 1
    assert "The assistant is not available." in result.output
    assert "1011" in result.output
