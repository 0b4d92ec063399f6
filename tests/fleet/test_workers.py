"""Workers as processes: who has which call, and what the end of one costs."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest
import trio
from websockets.exceptions import InvalidStatus

from tests.peers.core import calling
from tests.peers.model import scripted_model
from tests.system.test_process import run

from .kit import Fleet, caller, fleet, gone, seconds_between, until

_CALLS = 30


async def status(service: Fleet, path: str) -> tuple[int, str]:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{service.port}{path}")
    return answer.status_code, answer.text


def sockets_of(process: psutil.Process) -> set[str]:
    """The sockets that a process has, but those that all have from the start."""
    folder = Path(f"/proc/{process.pid}/fd")
    found: set[str] = set()
    for each in folder.iterdir():
        # It may be closed just now.
        with suppress(FileNotFoundError):
            found.add(os.readlink(each))
    return {each for each in found if each.startswith("socket:")}


def shared_sockets(processes: list[psutil.Process]) -> dict[str, list[int]]:
    """Which sockets more than one process has."""
    owners: dict[str, list[int]] = {}
    for process in processes:
        for each in sockets_of(process):
            owners.setdefault(each, []).append(process.pid)
    inherited = sockets_of(psutil.Process())
    return {
        each: pids
        for each, pids in owners.items()
        if len(pids) > 1 and each not in inherited
    }


async def test_calls_spread_over_the_workers_and_all_are_held(tmp_path: Path) -> None:
    async with (
        scripted_model() as model,
        fleet(tmp_path, model) as service,
        caller(service, model) as placing,
    ):
        held = [await placing.call() for _ in range(_CALLS)]
        for each in (held[0], held[-1]):
            await each.goes_on()
        spread = service.calls_of()
        assert len(spread) == 2
        assert all(abs(n - _CALLS / 2) <= 0.2 * _CALLS / 2 for n in spread.values())
        # One that somebody else has too keeps a call open that its owner has closed.
        await until(lambda: not shared_sockets(service.family()))


async def test_a_killed_worker_costs_its_calls_alone_and_is_replaced_at_once(
    tmp_path: Path,
) -> None:
    async with (
        scripted_model() as model,
        fleet(tmp_path, model) as service,
        caller(service, model) as placing,
    ):
        held = [await placing.call() for _ in range(4)]
        victim = service.worker_of(held[0].name)
        os.kill(service.pids()[victim], signal.SIGKILL)
        died = await service.logged("worker died", worker=victim)
        assert (died["signal"], died["calls_lost"]) == ("SIGKILL", 2)
        for each in held:
            if service.worker_of(each.name) == victim:
                assert await each.core.wait_closed() == 1006
            else:
                await each.goes_on()
        began = await service.logged("worker begins", 3)
        assert seconds_between(died, began) < 1
        await service.logged("worker ready", 3)
        for _ in range(2):
            again = await placing.call()
            await again.goes_on()
        assert service.calls_of()[began["worker"]] == 2
        await until(lambda: not shared_sockets(service.family()))


async def test_a_worker_that_dies_before_it_takes_a_call_costs_none(
    tmp_path: Path,
) -> None:
    async with (
        scripted_model() as model,
        fleet(tmp_path, model) as service,
        caller(service, model) as placing,
        trio.open_nursery() as nursery,
    ):
        first = await placing.call()
        other = (set(service.pids()) - {service.worker_of(first.name)}).pop()
        pid = service.pids()[other]
        os.kill(pid, signal.SIGSTOP)
        done = trio.Event()

        async def call() -> None:
            second = await placing.call()
            await second.goes_on()
            assert service.worker_of(second.name) != other
            done.set()

        nursery.start_soon(call)
        parent = psutil.Process(service.process.pid)
        await until(
            lambda: any(
                each.status == psutil.CONN_ESTABLISHED
                for each in parent.net_connections()
            )
        )
        # Whoever has come before this has been offered to a worker.
        for _ in range(3):
            assert (await status(service, "/healthz"))[0] == 200
        assert not done.is_set()
        os.kill(pid, signal.SIGKILL)
        with trio.fail_after(10):
            await done.wait()
        await first.goes_on()
        died = await service.logged("worker died", worker=other)
        assert died["calls_lost"] == 0


async def test_a_stopped_worker_gets_no_more_calls_than_it_has_not_taken(
    tmp_path: Path,
) -> None:
    async with (
        scripted_model() as model,
        fleet(tmp_path, model) as service,
        caller(service, model) as placing,
    ):
        first = await placing.call()
        other = (set(service.pids()) - {service.worker_of(first.name)}).pop()
        os.kill(service.pids()[other], signal.SIGSTOP)
        with trio.move_on_after(1):
            # It has the fewest calls, and nobody knows yet that it has stopped.
            async with calling(service.url):
                pass
        for _ in range(3):
            held = await placing.call()
            assert service.worker_of(held.name) != other
        os.kill(service.pids()[other], signal.SIGCONT)


async def test_most_calls_at_once_are_of_all_workers_together(tmp_path: Path) -> None:
    async with (
        scripted_model() as model,
        fleet(tmp_path, model, STS_MAX_CALLS="3") as service,
        caller(service, model) as placing,
    ):
        held = [await placing.call() for _ in range(3)]
        with pytest.raises(InvalidStatus) as refused:
            await placing.call()
        assert refused.value.response.status_code == 503
        await held[0].core.hang_up()
        await service.logged("call ended")
        await placing.call()


async def test_workers_that_die_as_they_begin_are_replaced_ever_later(
    tmp_path: Path,
) -> None:
    tools, flag = tmp_path / "tools", tmp_path / "flag"
    tools.mkdir()
    (tools / "fatal.py").write_text(
        "import os, pathlib\n"
        "from trio_sts.tools import tool\n"
        f"if pathlib.Path({str(flag)!r}).exists(): os.kill(os.getpid(), 9)\n"
        "@tool\n"
        "def weather() -> str:\n"
        "    'Tell the weather.'\n"
        "    return 'fine'\n"
    )
    async with (
        scripted_model() as model,
        fleet(tmp_path, model, TOOLS_DIR=str(tools)) as service,
        caller(service, model) as placing,
    ):
        flag.touch()
        victim = service.pids()[1]
        os.kill(victim, signal.SIGKILL)
        deaths = [await service.logged("worker died", n) for n in (1, 2, 3)]
        # The other one holds all calls meanwhile.
        for _ in range(2):
            await (await placing.call()).goes_on()
        begins = [await service.logged("worker begins", n) for n in (3, 4, 5)]
        pauses = [
            seconds_between(died, began)
            for died, began in zip(deaths, begins, strict=True)
        ]
        assert pauses[0] < 0.5 <= pauses[1] < 1 <= pauses[2]
        flag.unlink()
        await service.logged("worker ready", 3)


async def test_a_service_whose_workers_cannot_begin_ends_with_1(
    tmp_path: Path,
) -> None:
    (tmp_path / "pocketsphinx.py").write_text("raise ImportError")
    code, output = await run(
        tmp_path,
        "serve",
        STS_WORKERS="2",
        STS_EMBEDDED="on",
        PYTHONPATH=str(tmp_path),
    )
    assert code == 1
    assert "Traceback" not in output
    assert "pip install 'trio-sts[demo]'" in output


async def test_without_the_forkserver_the_service_stops_with_1(tmp_path: Path) -> None:
    async with (
        scripted_model() as model,
        fleet(tmp_path, model) as service,
        caller(service, model) as placing,
    ):
        held = await placing.call()
        family = service.family()
        service.forkserver.kill()
        await service.logged("draining")
        await held.goes_on()
        await held.core.hang_up()
        with trio.fail_after(8):
            assert await service.process.wait() == 1
        await until(lambda: gone(family))
