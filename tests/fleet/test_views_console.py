"""A console over several workers shows what one over a single process shows."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from attrs import define, evolve
from trio.testing import MockClock

from tests.console.kit import OWN, csrf_of
from tests.console.live_kit import Call, held
from tests.tools.folders import in_folder
from trio_sts.console.app import Shown, Sources, application
from trio_sts.console.calls import Calls
from trio_sts.console.snapshots import SHOWN_AFTER_S, Watcher
from trio_sts.conversation.commands import EndCall
from trio_sts.fleet.board_told import CALL
from trio_sts.fleet.channel import Channel
from trio_sts.fleet.far_board import FarBoard
from trio_sts.fleet.far_tools import FarTools

from .views_kit import FarWorker, Fleet, fleet

ENDING = EndCall(1000, "caller hung up")
TOOL = """
import os
from trio_sts.tools import tool

@tool
def whoami(name: str) -> str:
    '''Say who asks.'''
    return f"{name} asks"
"""


@define(eq=False)
class Stage:
    """A fleet with a console that is not opened on a port."""

    fleet: Fleet
    board: FarBoard
    tools: FarTools
    workers: list[FarWorker]

    def hold(self, worker: int, uuid: str, **metadata: str) -> Call:
        board = self.workers[worker].views.board
        assert board is not None
        return held(board, uuid, trio.current_time(), **metadata)


@asynccontextmanager
async def stage(workers: int = 2, **given: Any) -> AsyncGenerator[Stage]:
    async with fleet(**given) as all_:
        console = all_.views._console  # pyright: ignore[reportPrivateUsage] # nothing else shows it
        assert console is not None
        all_.nursery.start_soon(console.board.keep)
        started = [await all_.worker() for _ in range(workers)]
        all_.views.newest(all_.settings, [each.channel for each in started])
        yield Stage(all_, console.board, console.tools, started)


async def until(watcher: Watcher, *uuids: str, **wanted: Any) -> list[dict[str, Any]]:
    """The first snapshot with these calls, all of which are like this."""
    while True:
        calls: list[dict[str, Any]] = json.loads(await watcher.next())["calls"]
        are_those = [call["uuid"] for call in calls] == [*uuids]
        if are_those and all(wanted.items() <= call.items() for call in calls):
            return calls


async def test_the_calls_of_all_workers_are_one_list_by_their_beginning(
    autojump_clock: MockClock,
) -> None:
    async with stage() as on:
        on.hold(1, "first", **{"from": "4711"})
        await trio.sleep(1)
        on.hold(0, "second")
        await trio.sleep(1)
        on.hold(1, "third")
        with on.board.watch() as watcher:
            assert watcher is not None
            # The first snapshot is whole: no page begins empty and then fills.
            first = json.loads(await watcher.next())
            assert [c["uuid"] for c in first["calls"]] == ["first", "second", "third"]
            assert [c["caller"] for c in first["calls"]] == ["4711", None, None]
            ages = [call["age_s"] for call in first["calls"]]
            assert ages == pytest.approx([2, 1, 0], abs=0.3)


async def test_each_call_is_written_as_its_own_process_would_write_it(
    autojump_clock: MockClock,
) -> None:
    async with stage(1) as on:
        call = on.hold(0, "a-call", to="\u2028 \"'<b>")
        with on.board.watch() as watcher:
            assert watcher is not None
            (told,) = await until(watcher, "a-call")
        own = json.loads(call.live.shown(trio.current_time())[1])
        assert told.keys() == own.keys()
        assert told | {"age_s": 0} == own | {"age_s": 0}


async def test_a_call_that_is_over_is_shown_a_little_longer(
    autojump_clock: MockClock,
) -> None:
    async with stage() as on:
        call = on.hold(1, "a-call")
        with on.board.watch() as watcher:
            assert watcher is not None
            await until(watcher, "a-call", state="ready")
            await trio.sleep(3)
            call.live.ended(None, ENDING, trio.current_time())
            over_at = trio.current_time()
            (over,) = await until(watcher, "a-call", state="over")
            assert over["outcome"] == "caller hung up"
            assert over["age_s"] == pytest.approx(3, abs=0.5)
            await until(watcher)
            assert trio.current_time() - over_at == pytest.approx(SHOWN_AFTER_S, abs=1)


async def test_nothing_is_told_while_nobody_looks(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    tell = Channel.tell

    def listening(self: Channel, kind: str, body: Any = None) -> None:
        if kind == CALL:
            told.append(body)
        tell(self, kind, body)

    monkeypatch.setattr(Channel, "tell", listening)
    async with stage() as on:
        on.hold(0, "a-call")
        await trio.sleep(5)
        assert told == []
        with on.board.watch() as watcher:
            assert watcher is not None
            await until(watcher, "a-call")
            count = len(told)
            await trio.sleep(2)
            # Nothing has changed in it.
            assert len(told) == count == 1
        await trio.sleep(1)
        on.hold(0, "another")
        await trio.sleep(5)
        assert len(told) == count
        # Whoever comes again is told all again.
        with on.board.watch() as watcher:
            assert watcher is not None
            await until(watcher, "a-call", "another")


async def test_the_calls_of_a_worker_that_died_are_shown_as_lost(
    autojump_clock: MockClock,
) -> None:
    async with stage() as on:
        on.hold(0, "stays")
        on.hold(1, "lost")
        with on.board.watch() as watcher:
            assert watcher is not None
            await until(watcher, "stays", "lost")
            await on.workers[1].kill()
            calls = await until(watcher, "stays", "lost")
            while calls[1]["state"] != "over":
                calls = await until(watcher, "stays", "lost")
            assert calls[0]["state"] == "ready"
            assert calls[1]["outcome"] == "crashed"
            await until(watcher, "stays")


async def test_one_that_joins_while_somebody_looks_is_seen(
    autojump_clock: MockClock,
) -> None:
    async with stage() as on:
        with on.board.watch() as watcher:
            assert watcher is not None
            on.workers.append(await on.fleet.worker())
            on.hold(2, "new-one")
            await until(watcher, "new-one")


async def test_hanging_up_reaches_the_worker_that_holds_the_call(
    autojump_clock: MockClock,
) -> None:
    async with stage() as on:
        kept, ended = on.hold(0, "kept"), on.hold(1, "ended")
        # Whether or not somebody looks.
        assert await on.board.hang_up(ended.live.id) == "ended"
        assert await on.board.hang_up("no such call") is None
        assert [ending.outcome for ending in ended.ends] == ["hung up by the operator"]
        assert kept.ends == []
        ended.live.ended(None, ended.ends[0], trio.current_time())
        assert await on.board.hang_up(ended.live.id) is None


async def test_who_talks_finds_the_own_call_and_no_other_is_told(
    autojump_clock: MockClock,
) -> None:
    async with stage() as on:
        on.hold(0, "another")
        on.hold(1, "my-call")
        assert on.board.of_uuid("my-call") is None
        with on.board.follow("my-call"):
            await trio.sleep(1)
            found = on.board.of_uuid("my-call")
            assert found is not None
            assert b'"uuid":"my-call"' in found.shown(trio.current_time())[1]
            assert on.board.of_uuid("another") is None
        assert on.board.of_uuid("my-call") is None


async def test_the_worst_loop_of_all_is_shown(autojump_clock: MockClock) -> None:
    async with stage() as on:
        on.hold(0, "a-call")
        with on.board.watch() as watcher:
            assert watcher is not None
            await trio.sleep(2)
            on.fleet.views.lag.counts[0] += 1000
            on.workers[0].views.lag.counts[0] += 1000
            on.workers[1].views.lag.counts[6] += 1000
            while json.loads(await watcher.next())["loop_lag_ms"] != 100:
                assert trio.current_time() < 20


@asynccontextmanager
async def browser(on: Stage) -> AsyncGenerator[httpx.AsyncClient]:
    views = on.fleet.views
    calls = Calls(views.settings)
    shown = Shown(lambda: views.settings, on.tools, views.render)
    app: Any = application(Sources(shown, on.board, lambda: 6030, calls))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=OWN) as http:
        yield http


async def test_tools_are_the_workers_and_run_there(tmp_path: Path) -> None:
    broken = f"{TOOL}\nraise RuntimeError('no')"
    files = {"tools/who.py": TOOL, "tools/broken.py": broken}
    folder = in_folder(tmp_path, files)
    async with stage(tools=Path(folder)) as on, browser(on) as http:
        listed = (await http.get("/api/tools")).json()
        assert "whoami" in [tool["name"] for tool in listed["tools"]]
        assert "broken.py" in str(listed["problems"]), listed
        headers = await csrf_of(http)
        asked = {"arguments": {"name": "Ada"}}
        url = "/api/tools/whoami/run"
        ran = await http.post(url, json=asked, headers=headers)
        assert ran.json()["output"] == "Ada asks"
        url = "/api/tools/no_such/run"
        assert (await http.post(url, json=asked, headers=headers)).status_code == 404
        # The one that was to answer is gone; the other one takes its place.
        await on.workers[0].kill()
        assert (await http.get("/api/tools")).status_code == 200
        await on.workers[1].kill()
        gone = await http.get("/api/tools")
        assert (gone.status_code, gone.json()) == (
            503,
            {"error": "No worker is ready."},
        )


async def test_settings_are_those_of_the_newest_generation() -> None:
    async with stage(1, OPENAI_VOICE="marin") as on, browser(on) as http:

        async def voice() -> str:
            rows = (await http.get("/api/settings")).json()["settings"]
            shown = {row["name"]: row["value"] for row in rows}
            return str(next(v for k, v in shown.items() if k.endswith("VOICE")))

        assert await voice() == "marin"
        newer = evolve(on.fleet.settings, voice="cedar")
        on.fleet.views.newest(newer, [on.workers[0].channel])
        assert await voice() == "cedar"


async def test_the_consoles_metrics_are_those_of_all() -> None:
    async with stage() as on, browser(on) as http:
        for worker in on.workers:
            worker.services.metrics.barge_ins.inc(2)
        assert "trio_sts_barge_ins_total 4.0" in (await http.get("/metrics")).text
