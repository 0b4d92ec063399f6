"""The console on its port: real sockets, and peers that mean no good."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import define, field
from structlog.testing import capture_logs
from trio.testing import MockClock
from websockets.exceptions import InvalidStatus

from tests.peers.core import FakeCore, calling, silence
from tests.peers.model import scripted_model
from trio_sts.console.board import Board
from trio_sts.console.opening import Console, shown_of
from trio_sts.console.serving import (
    HEAD_BYTES,
    HEAD_S,
    MESSAGE_BYTES,
    MOST_CONNECTIONS,
    STALL_S,
    BoundedStream,
)
from trio_sts.console.snapshots import MOST_WATCHERS
from trio_sts.console.talk import MOST_TALKS
from trio_sts.conversation.commands import EndCall
from trio_sts.port.listening import CannotListen
from trio_sts.service import open_services

from .kit import TOKEN, Shown, settings_of, shown

CALLER_TOKEN = "caller-leg-token-1"


async def connected(console: Shown) -> trio.SocketStream:
    return await trio.open_tcp_stream("127.0.0.1", console.port)


async def soon(holds: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait for what another task does; it takes its time on a busy machine."""
    with trio.fail_after(8):
        while True:
            now = holds()
            if now if isinstance(now, bool) else await now:
                return
            await trio.sleep(0.01)


def request(path: str, method: str = "GET", **headers: str) -> bytes:
    given = {"Host": "localhost", "Content-Length": "0", **headers}
    lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in given.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def asked(console: Shown, raw: bytes) -> bytes:
    """Everything that is answered until the connection is closed."""
    answer = b""
    async with await connected(console) as stream:
        await stream.send_all(raw)
        with trio.fail_after(20), suppress(trio.BrokenResourceError):
            while True:
                piece = await stream.receive_some()
                if not piece:
                    break
                answer += piece
    return answer


async def got(console: Shown, path: str, **headers: str) -> tuple[int, bytes]:
    answer = await asked(console, request(path, Connection="close", **headers))
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(None, 2)[1]), body


@define
class Stream:
    """Server-sent events, as a browser reads them."""

    socket: trio.SocketStream
    rest: bytes = b""
    seen: list[dict[str, Any]] = field(factory=list[dict[str, Any]])

    async def next(self) -> dict[str, Any]:
        while b"\n\n" not in self.rest:
            with trio.fail_after(8):
                piece = await self.socket.receive_some()
            if not piece:
                raise EOFError
            self.rest += piece
        event, _, self.rest = self.rest.partition(b"\n\n")
        data = next(line for line in event.split(b"\n") if line.startswith(b"data: "))
        self.seen.append(json.loads(data[6:]))
        return self.seen[-1]

    async def rest_of(self) -> list[dict[str, Any]]:
        """What still comes until the stream ends."""
        told: list[dict[str, Any]] = []
        with suppress(EOFError):
            while True:
                told.append(await self.next())
        return told

    async def until(self, **wanted: Any) -> dict[str, Any]:
        """The first call of a snapshot that is like this."""
        while True:
            for call in (await self.next())["calls"]:
                if wanted.items() <= call.items():
                    found: dict[str, Any] = call
                    return found


@asynccontextmanager
async def events(console: Shown) -> AsyncGenerator[Stream]:
    async with await connected(console) as stream:
        # Chunks of HTTP are no concern of these tests.
        raw = request("/api/now/events").replace(b"HTTP/1.1", b"HTTP/1.0")
        await stream.send_all(raw)
        yield Stream(stream)


@asynccontextmanager
async def console(**environ: str) -> AsyncGenerator[Shown]:
    async with scripted_model() as model, shown(model.base_url, environ) as open_:
        yield open_


def from_page(console: Shown, origin: str | None = None) -> list[tuple[str, str]]:
    return [("Origin", console.url if origin is None else origin)]


def talk_url(console: Shown, query: str = "") -> str:
    return f"{console.url.replace('http', 'ws')}/api/talk{query}"


async def test_a_call_is_seen_from_its_beginning_to_its_end_and_hung_up() -> None:
    async with (
        scripted_model() as model,
        shown(model.base_url) as console,
        events(console) as stream,
    ):
        assert (await stream.next())["calls"] == []
        async with calling(f"{console.call_url}/?from=4711") as core:
            await core.init("call-1")
            session = await model.next_session()
            await session.expect("response.create")
            call = await stream.until(uuid="call-1", caller="4711", state="ready")
            async with session.response() as response:
                await response.say(bytes(48_000), "Good morning.")
            await stream.until(speaking="agent")
            about = json.loads((await got(console, "/api/about"))[1])
            raw = request(
                f"/api/now/{call['id']}/hangup",
                "POST",
                Connection="close",
                Origin="http://localhost",
                **{"X-CSRF-Token": about["csrf"]},
            )
            assert (await asked(console, raw)).startswith(b"HTTP/1.1 204")
            assert await core.wait_closed() == 1000
            over = await stream.until(state="over")
            assert over["outcome"] == "hung up by the operator"
            # It is over: there is nothing to hang up.
            assert (await asked(console, raw)).startswith(b"HTTP/1.1 404")


async def test_so_many_pages_look_on_and_one_more_is_told() -> None:
    async with console() as open_, AsyncExitStack() as stack:
        for _ in range(MOST_WATCHERS):
            await stack.enter_async_context(events(open_))
        await soon(lambda: open_.console.board.watchers == MOST_WATCHERS)
        status, body = await got(open_, "/api/now/events")
        assert status == 503
        assert b"pages look on already" in body


async def test_a_page_that_has_left_makes_room() -> None:
    async with console() as open_:
        for _ in range(3):
            async with events(open_) as stream:
                await stream.next()
            await soon(lambda: not open_.console.board.watchers)


async def test_there_are_so_many_connections_and_no_more() -> None:
    async with console() as open_:
        streams = [await connected(open_) for _ in range(MOST_CONNECTIONS)]
        with trio.fail_after(5):
            assert await asked(open_, request("/api/about")) == b""
        for stream in streams:
            await stream.aclose()

        async def answers() -> bool:
            return bool(await asked(open_, request("/x", Connection="close")))

        await soon(answers)


async def test_a_head_that_does_not_end_is_refused() -> None:
    async with console() as open_:
        flood = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
        flood += b"".join(
            b"X-%d: %b\r\n" % (each, b"y" * 100) for each in range(HEAD_BYTES // 100)
        )
        answer = await asked(open_, flood)
        assert not answer or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 431"))


async def test_a_head_that_comes_slowly_is_cut(hurried_clock: MockClock) -> None:
    async with console() as open_, await connected(open_) as stream:
        began_at = trio.current_time()
        await stream.send_all(b"GET / HTTP/1.1\r\n")
        assert await stream.receive_some() == b""
        assert trio.current_time() - began_at == pytest.approx(HEAD_S, abs=0.5)


async def test_who_does_not_read_is_cut(hurried_clock: MockClock) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
        bounded = BoundedStream(stream, stream.socket)
        began_at = trio.current_time()
        with pytest.raises(trio.BrokenResourceError):
            await bounded.send_all(bytes(20_000_000))
        assert trio.current_time() - began_at == pytest.approx(STALL_S, abs=0.5)
        assert stream.socket.fileno() == -1


# Each of these is no file of ours, and nobody's call.
PATHS = (
    "/static/../opening.py",
    "/static/%2e%2e/opening.py",
    "/static/..%2fopening.py",
    "/static/..%5copening.py",
    "/static//etc/passwd",
    "/static/%00",
    "/static/",
    "/static/%ff",
    "//etc/passwd",
    "/api/calls/..%2f..%2fetc%2fpasswd",
    "/api/calls/..%2f..%2fetc%2fpasswd/recording.wav",
    "/api/calls/%00/peaks?n=-1",
    "/api/calls/" + "%3Cscript%3E" * 20,
    "/api/calls/x/peaks?n=1e9",
)


async def test_no_path_leads_out_of_the_package(tmp_path: Path) -> None:
    async with console(STS_RECORD_DIR=str(tmp_path)) as open_:
        for path in PATHS:
            status, body = await got(open_, path)
            assert status in {400, 404}, path
            assert set(json.loads(body)) == {"error"}, path


@pytest.mark.parametrize("version", ["PRI * HTTP/2.0", "GET / HTTP/0.9", "junk"])
async def test_other_protocols_get_nothing(version: str) -> None:
    async with console() as open_:
        answer = await asked(
            open_, version.encode() + b"\r\n\r\nSM\r\n\r\n" + bytes(99)
        )
        assert b"200" not in answer
        # And the console is still there.
        assert (await got(open_, "/api/about"))[0] == 200


async def test_a_page_talks_to_the_service_and_never_sees_its_token() -> None:
    async with (
        scripted_model() as model,
        shown(model.base_url, {"STS_TOKEN": CALLER_TOKEN}) as open_,
        calling(talk_url(open_), headers=from_page(open_)) as browser,
    ):
        await browser.init("from-a-browser")
        session = await model.next_session()
        await session.expect("response.create")
        async with session.response() as response:
            await response.say(bytes(48_000), "Good morning.")
        await browser.wait_audio(500)
        await browser.say(silence(200))
        await session.heard(100)
        live = await browser.wait_for("console.live")
        assert live.message["uuid"] == "from-a-browser"
        assert live.message["caller"] == "console"
        assert not any(CALLER_TOKEN in str(each.message) for each in browser.received)
        call = open_.console.board.of_uuid("from-a-browser")
        assert call is not None
        assert call.end(EndCall(1001, "service stopping"))
        assert await browser.wait_closed() == 1001


async def test_a_page_that_leaves_ends_its_call() -> None:
    async with scripted_model() as model, shown(model.base_url) as open_:
        async with calling(talk_url(open_), headers=from_page(open_)) as browser:
            await browser.init("call-1")
            session = await model.next_session()
            await session.expect("response.create")
            assert open_.server.calls == 1
        await soon(lambda: not open_.server.calls)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", ""])
async def test_a_foreign_page_does_not_get_to_talk(origin: str) -> None:
    async with console() as open_:
        with pytest.raises(InvalidStatus) as caught:
            async with calling(talk_url(open_), headers=from_page(open_, origin)):
                pass
        assert caught.value.response.status_code == 403


async def test_a_program_without_an_origin_talks_with_the_token_alone() -> None:
    async with console(STS_ADMIN_TOKEN=TOKEN) as open_:
        bearer = [("Authorization", f"Bearer {TOKEN}")]
        async with calling(talk_url(open_), headers=bearer) as browser:
            await browser.init("x")
        with pytest.raises(InvalidStatus) as caught:
            async with calling(talk_url(open_)):
                pass
        assert caught.value.response.status_code in {401, 403}


async def test_so_many_pages_talk_and_one_more_is_told() -> None:
    async with console() as open_, AsyncExitStack() as stack:
        page = from_page(open_)
        for _ in range(MOST_TALKS):
            await stack.enter_async_context(calling(talk_url(open_), headers=page))
        async with calling(talk_url(open_), headers=page) as browser:
            await turned_away(browser, "talk already", 1013)


async def turned_away(browser: FakeCore, why: str, code: int) -> None:
    told = await browser.wait_for("error")
    assert why in told.message["message"]
    assert await browser.wait_closed() == code


async def test_a_message_that_is_too_large_ends_the_talk() -> None:
    async with (
        console() as open_,
        calling(talk_url(open_), headers=from_page(open_)) as browser,
    ):
        await browser.send("x" * (MESSAGE_BYTES + 1))
        assert await browser.wait_closed() == 1009


STRANGERS = (
    ("ws://169.254.169.254/latest", "does not name"),
    ("ws://localhost.evil.example:80/", "does not name"),
    ("ws://sts-2.example.org:80/", "does not name"),
    ("wss://sts-3.example.org/", "does not name"),
    ("ws://127.0.0.1:22/", "does not name"),
    ("http://127.0.0.1/", "is no service"),
    ("ws://user:pass@sts-2.example.org:6030/", "is no service"),
    ("file:///etc/passwd", "is no service"),
    ("ws://[::1", "is no service"),
    ("", "is no service"),
)


async def test_only_services_that_were_named_are_talked_to() -> None:
    environ = {
        "STS_ADMIN_HOST": "0.0.0.0",
        "STS_ADMIN_TOKEN": TOKEN,
        "STS_CONSOLE_SERVICES": "sts-2.example.org:6030, [::1]:6030",
    }
    bearer = [("Authorization", f"Bearer {TOKEN}")]
    async with console(**environ) as open_:
        for url, why in STRANGERS:
            target = talk_url(open_, f"?url={url.replace('&', '%26')}")
            async with calling(target, headers=bearer) as browser:
                await turned_away(browser, why, 1008)


async def test_another_service_on_this_machine_is_talked_to_and_gets_no_token() -> None:
    async with (
        scripted_model() as model,
        shown(model.base_url, {"STS_TOKEN": CALLER_TOKEN}) as open_,
        shown(model.base_url) as other,
        shown(model.base_url, {"STS_TOKEN": CALLER_TOKEN}) as shut,
    ):
        page = from_page(open_)
        query = f"?url={other.call_url}"
        async with calling(talk_url(open_, query), headers=page) as browser:
            await browser.init("call-1")
            await (await model.next_session()).expect("response.create")
            assert other.server.calls == 1
        query = f"?url={shut.call_url}"
        async with calling(talk_url(open_, query), headers=page) as browser:
            await turned_away(browser, "refuses the call", 1011)
        query = "?url=ws://127.0.0.1:1/"
        async with calling(talk_url(open_, query), headers=page) as browser:
            await turned_away(browser, "cannot be reached", 1008)


def upgrade(console: Shown) -> bytes:
    return request(
        "/api/talk",
        Origin="http://localhost",
        Connection="Upgrade",
        Upgrade="websocket",
        **{"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "A" * 22 + "=="},
    )


async def test_who_signs_out_is_told_and_hears_nothing_more() -> None:
    async with console(STS_ADMIN_TOKEN=TOKEN) as open_:
        page = {"Origin": open_.url, "Host": open_.url.removeprefix("http://")}
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        raw = request("/login", "POST", Connection="close", **page, **form)
        body = f"token={TOKEN}".encode()
        length = b"Content-Length: %d" % len(body)
        answer = await asked(open_, raw.replace(b"Content-Length: 0", length) + body)
        cookie = answer.partition(b"set-cookie: ")[2].partition(b";")[0].decode()
        about = request("/api/about", Connection="close", Cookie=cookie, **page)
        csrf = json.loads((await asked(open_, about)).partition(b"\r\n\r\n")[2])["csrf"]
        signed_in = [*from_page(open_), ("Cookie", cookie)]
        async with (
            await connected(open_) as stream,
            calling(talk_url(open_), headers=signed_in) as browser,
        ):
            events = Stream(stream)
            raw = request("/api/now/events", Cookie=cookie, **page)
            await stream.send_all(raw.replace(b"HTTP/1.1", b"HTTP/1.0"))
            await events.next()
            secret = {"X-CSRF-Token": csrf}
            raw = request(
                "/logout", "POST", Connection="close", Cookie=cookie, **page, **secret
            )
            assert (await asked(open_, raw)).startswith(b"HTTP/1.1 204")
            assert await browser.wait_closed() == 1008
            assert not await events.rest_of()


async def test_a_stop_cuts_whoever_is_there() -> None:
    async with scripted_model() as model:
        streams: list[trio.SocketStream] = []
        async with shown(model.base_url) as open_:
            for raw in (b"", b"GET /", request("/api/now/events"), upgrade(open_)):
                streams.append(await connected(open_))
                await streams[-1].send_all(raw)
            await soon(lambda: bool(open_.console.board.watchers))
            with trio.fail_after(8):
                assert b"101" in await streams[-1].receive_some()
            began_at = trio.current_time()
        # With its call: the service itself gives that two seconds.
        assert trio.current_time() - began_at < 4
        for stream in streams:
            async with stream:
                with trio.fail_after(1), suppress(trio.BrokenResourceError):
                    while await stream.receive_some():
                        pass


async def test_a_console_that_fails_costs_no_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fails(_: Board) -> None:
        await trio.lowlevel.checkpoint()
        raise ZeroDivisionError

    monkeypatch.setattr(Board, "_write", fails)
    with capture_logs() as log:
        async with (
            scripted_model() as model,
            shown(model.base_url) as open_,
            calling(open_.call_url) as core,
            events(open_),
        ):
            await core.init("call-1")
            session = await model.next_session()
            await session.expect("response.create")
            await soon(lambda: any(line["event"] == "console failed" for line in log))
            async with session.response() as response:
                await response.say(bytes(4_800))
            await core.wait_audio(100)


async def test_a_port_that_is_taken_is_told_with_its_number() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = settings_of(STS_ADMIN_PORT=str(port))
        console = Console(settings, Board(settings))
        async with open_services(settings, {}) as services:
            with pytest.raises(CannotListen, match=f"STS_ADMIN_PORT={port}"):
                async with console.open(shown_of(lambda: services), lambda: 0):
                    pass


@pytest.mark.parametrize("opened", [False, True])
def test_a_service_without_a_console_needs_no_web_server(opened: bool) -> None:
    program = (
        "import sys; from trio_sts.service import new_console; "
        "from trio_sts.loop.lag import Lag; "
        "from trio_sts.settings import load; import trio_sts.server, trio_sts.cli; "
        "new_console(load({'STS_EMBEDDED': 'on'}, None, strict=True)[0], Lag()); "
        f"{'import trio_sts.console.opening; ' * opened}"
        "print(*{'starlette', 'hypercorn', 'trio_sts.console'} & sys.modules.keys())"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert bool(run.stdout.strip()) is opened


async def test_the_process_opens_its_console_and_says_where(tmp_path: Path) -> None:
    environ = {
        "PATH": os.environ["PATH"],
        "PORT": "0",
        "HOST": "127.0.0.1",
        "STS_EMBEDDED": "on",
        "STS_ADMIN_PORT": "0",
    }
    command = [sys.executable, "-m", "trio_sts", "serve", "--console"]
    async with trio.open_nursery() as nursery:
        start = partial(
            trio.run_process,
            command,
            env=environ,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        process: trio.Process = await nursery.start(start)
        assert process.stdout is not None
        told = b""
        while b"ready" not in told:
            with trio.fail_after(60):
                told += await process.stdout.receive_some()
        url = told.partition(b"The console is at ")[2].split()[0].decode()
        port = int(url.rstrip("/").rpartition(":")[2])
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(request("/api/about", Connection="close"))
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 200")
        process.terminate()
        with trio.fail_after(20):
            assert await process.wait() == 0
