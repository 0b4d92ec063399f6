"""Adding to a store that is there, away, locked or silent: once, and holding up nobody."""

import sqlite3
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path

import orjson
import pytest
import trio
from attrs import define, field
from structlog.testing import capture_logs
from trio.testing import MockClock

from tests.callstore.postgres import PASSWORD, Server
from tests.record.kit import finished
from trio_sts.callstore.store import CallStore, Wanted
from trio_sts.delivery.outbox import Outbox
from trio_sts.delivery.spool import Spool, all_entries
from trio_sts.delivery.to_store import StoreSender
from trio_sts.record.finished_call import FinishedCall, as_json

from .kit import until


@define(eq=False)
class Proxy:
    """A way to a server that can be silent: what is sent is taken, and nothing answered."""

    port: int
    target: int
    passes: trio.Event = field(factory=trio.Event)

    def stall(self) -> None:
        self.passes = trio.Event()

    async def serve(self, client: trio.SocketStream) -> None:
        upstream = await trio.open_tcp_stream("127.0.0.1", self.target)
        async with client, upstream, trio.open_nursery() as nursery:
            nursery.start_soon(self._pump, client, upstream)
            await self._pump(upstream, client)
            nursery.cancel_scope.cancel()

    async def _pump(self, source: trio.SocketStream, sink: trio.SocketStream) -> None:
        try:
            async for chunk in source:
                await self.passes.wait()
                await sink.send_all(chunk)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            await trio.lowlevel.checkpoint()


@asynccontextmanager
async def proxied(target: int) -> AsyncGenerator[Proxy]:
    proxy = Proxy(0, target)
    proxy.passes.set()
    async with trio.open_nursery() as nursery:
        listeners: list[trio.SocketListener] = await nursery.start(
            partial(trio.serve_tcp, proxy.serve, 0, host="127.0.0.1")
        )
        proxy.port = listeners[0].socket.getsockname()[1]
        yield proxy
        nursery.cancel_scope.cancel(reason="the test is over")


@asynccontextmanager
async def sending(url: str, spool: Spool | None = None) -> AsyncGenerator[StoreSender]:
    sender = StoreSender(CallStore.open(url), Outbox("store", spool))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sender.outbox.keep)
        nursery.start_soon(sender.run)
        yield sender
        nursery.cancel_scope.cancel(reason="the test is over")
    with trio.move_on_after(1):
        await sender.close()


def put(sender: StoreSender, call: FinishedCall) -> None:
    sender.outbox.put(call.id, orjson.dumps(as_json(call)))


def stored(url: str) -> list[str]:
    store = CallStore.open(url)
    found = sorted(call.uuid for call in store.find(Wanted()))
    store.close()
    return found


def delivered(sender: StoreSender) -> int:
    return sender.outbox.results["delivered"]


async def test_calls_are_added(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    async with sending(url) as sender:
        for number in range(250):
            put(sender, finished(uuid=f"call-{number}"))
        await until(lambda: delivered(sender) == 250)
    assert len(stored(url)) == 250


async def test_what_is_put_before_a_stop_is_delivered_by_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    async with sending(url) as sender:
        put(sender, finished())
        await sender.finish()
        assert delivered(sender) == 1


async def test_a_locked_file_is_waited_for_and_the_call_is_there_once(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    path = tmp_path / "calls.db"
    url = f"sqlite:///{path}"
    store = CallStore.open(url)
    store.add([finished(uuid="first")])
    store.close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with capture_logs() as lines:
        async with sending(url) as sender:
            put(sender, finished())
            await trio.testing.wait_all_tasks_blocked()
            # The thread is given up; it may still add the call.
            mock_clock.jump(20)
            await trio.testing.wait_all_tasks_blocked()
            other.execute("COMMIT")
            mock_clock.rate = 10
            await until(lambda: delivered(sender) == 1, within_s=600)
    other.close()
    assert stored(url) == ["call-1", "first"]
    told = [line for line in lines if line["event"] == "store of calls is away"]
    assert [line["why"] for line in told] == ["no answer for 20 s"]


async def test_a_server_that_hangs_for_a_minute_gets_every_call_once_afterwards(
    server: Server, mock_clock: MockClock
) -> None:
    direct = server.new_database()
    async with proxied(server.port) as proxy:
        url = direct.replace(f":{server.port}/", f":{proxy.port}/")
        async with sending(url) as sender:
            put(sender, finished(uuid="before"))
            await until_real(lambda: delivered(sender) == 1)
            proxy.stall()
            for number in range(60):
                put(sender, finished(uuid=f"during-{number:02}"))
                mock_clock.jump(1)
                await trio.testing.wait_all_tasks_blocked()
            assert delivered(sender) == 1
            # One thread waits, whatever was given up.
            assert sender._thread.borrowed_tokens == 1  # pyright: ignore[reportPrivateUsage]
            proxy.passes.set()
            mock_clock.rate = 10
            await until(lambda: delivered(sender) == 61, within_s=600)
    assert len(stored(direct)) == 61


async def until_real(holds: object) -> None:
    """Wait without any time of Trio's clock passing."""
    assert callable(holds)
    for _ in range(200_000):
        if holds():
            return
        await trio.lowlevel.checkpoint()
    raise AssertionError("it never holds")


async def test_a_stop_does_not_wait_for_a_server_that_hangs(
    server: Server, tmp_path: Path, mock_clock: MockClock
) -> None:
    root = tmp_path / "spool" / "calls"
    async with proxied(server.port) as proxy:
        proxy.stall()
        url = server.new_database().replace(f":{server.port}/", f":{proxy.port}/")
        async with sending(url, Spool(root)) as sender:
            put(sender, finished())
            await until_real(lambda: not sender.outbox.unsafe)
            with trio.move_on_after(3) as left:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(sender.finish)
                    await trio.testing.wait_all_tasks_blocked()
                    mock_clock.jump(3)
            assert left.cancelled_caught
            # The thread's connection is still open, and goes with the process.
            sender.store.cut()
            proxy.passes.set()
    assert len(list(all_entries(root))) == 1


async def test_a_server_that_refuses_is_told_once_and_tried_again(
    server: Server, mock_clock: MockClock
) -> None:
    mock_clock.rate = 20
    wrong = server.new_database().replace(PASSWORD, "wrong-word")
    with capture_logs() as lines:
        async with sending(wrong) as sender:
            put(sender, finished())
            await trio.sleep(40)
            sender.store._database.engine.dispose()  # pyright: ignore[reportPrivateUsage]
    told = [line for line in lines if line["event"] == "store of calls is away"]
    assert len(told) == 1
    assert "password authentication failed" in told[0]["why"]
    assert "wrong-word" not in str(lines)


async def test_entries_that_are_no_calls_are_refused_and_the_others_added(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    with capture_logs() as lines:
        async with sending(url) as sender:
            sender.outbox.put("bad", b"no json")
            sender.outbox.put("odd", b'{"uuid": 5}')
            put(sender, finished())
            huge = orjson.dumps(as_json(finished(uuid="huge")))
            sender.outbox.put("huge", huge.replace(b'"turns":1,', b'"turns":1e30,'))
            await until(lambda: sum(sender.outbox.results.values()) == 4)
    assert sender.outbox.results == {"delivered": 1, "refused": 3}
    refused = [line["event"] for line in lines if line["log_level"] == "error"]
    assert refused == ["record refused"] * 3
    assert stored(url) == ["call-1"]


async def test_a_call_whose_file_was_removed_is_not_added(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    root = tmp_path / "spool" / "calls"
    (tmp_path / "later").mkdir()
    (tmp_path / "later").rmdir()
    url = f"sqlite:///{tmp_path / 'later' / 'calls.db'}"
    mock_clock.rate = 20
    async with sending(url, Spool(root)) as sender:
        put(sender, finished(uuid="forgotten"))
        put(sender, finished(uuid="kept"))
        await until(lambda: not sender.outbox.unsafe, within_s=400)
        first, _ = all_entries(root)
        first.unlink()
        (tmp_path / "later").mkdir()
        await until(lambda: delivered(sender) == 1, within_s=400)
    assert len(stored(url)) == 1
    assert sender.outbox.results["forgotten"] == 1


async def test_a_process_that_is_killed_leaves_what_was_added_and_what_waits(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    root = tmp_path / "spool" / "calls"
    script = """
import os, signal, sqlite3, sys
import trio
from pathlib import Path
from tests.delivery.test_to_store import delivered, put, sending
from tests.delivery.kit import until
from tests.record.kit import finished
from trio_sts.delivery.spool import Spool

async def main(url, root, path):
    async with sending(url, Spool(Path(root))) as sender:
        put(sender, finished(uuid="added"))
        await until(lambda: delivered(sender) == 1)
        lock = sqlite3.connect(path, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        put(sender, finished(uuid="waits"))
        await until(lambda: not sender.outbox.unsafe)
        os.kill(os.getpid(), signal.SIGKILL)

trio.run(main, *sys.argv[1:])
"""
    path = tmp_path / "calls.db"
    killed = await trio.run_process(
        [sys.executable, "-c", script, url, str(root), str(path)], check=False
    )
    assert killed.returncode == -9
    assert stored(url) == ["added"]
    async with sending(url, Spool(root)) as sender:
        await until(lambda: delivered(sender) == 1)
        await until(lambda: not list(all_entries(root)))
    assert stored(url) == ["added", "waits"]


@pytest.mark.parametrize("number", range(3))
async def test_many_calls_while_the_store_comes_and_goes_are_there_once(
    tmp_path: Path, mock_clock: MockClock, number: int
) -> None:
    mock_clock.rate = 20
    path = tmp_path / "calls.db"
    url = f"sqlite:///{path}"
    with closing(CallStore.open(url)) as store:
        store.add([finished(uuid="first")])
    async with sending(url, Spool(tmp_path / "spool" / "calls")) as sender:
        for each in range(30):
            put(sender, finished(uuid=f"call-{each}"))
            if each % 10 == number:
                held = sqlite3.connect(path, isolation_level=None, timeout=30)
                held.execute("BEGIN IMMEDIATE")
                await trio.sleep(2)
                held.close()
            await trio.sleep(0.1)
        await until(lambda: delivered(sender) == 30, within_s=600)
    assert len(stored(url)) == 31
