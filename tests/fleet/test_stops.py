"""How a service with workers ends: by signals, and by the end of its parent."""

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest
import trio

from tests.peers.model import scripted_model
from tests.system.test_process import KEY, environment

from .kit import caller, fleet, gone, until

_DRAIN_S = 2


async def test_a_terminals_signal_to_all_processes_lets_calls_finish(
    tmp_path: Path,
) -> None:
    async with (
        scripted_model() as model,
        fleet(tmp_path, model, STS_DRAIN_S="60") as service,
        caller(service, model) as placing,
    ):
        held = [await placing.call() for _ in range(2)]
        family = service.family()
        os.killpg(service.process.pid, signal.SIGINT)
        await service.logged("draining")
        for each in held:
            await each.goes_on()
            await each.core.hang_up()
        with trio.fail_after(5):
            assert await service.process.wait() == 0
        await until(lambda: gone(family))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
async def test_workers_and_the_forkserver_leave_signals_to_the_parent(
    tmp_path: Path, number: signal.Signals
) -> None:
    async with (
        scripted_model() as model,
        fleet(tmp_path, model) as service,
        caller(service, model) as placing,
    ):
        held = [await placing.call() for _ in range(2)]
        for process in service.family()[1:]:
            process.send_signal(number)
        for each in held:
            await each.goes_on()
        assert len(service.pids()) == 2
        assert service.forkserver.children()[0].status() != psutil.STATUS_ZOMBIE


async def test_a_second_signal_ends_all_calls_with_1001(tmp_path: Path) -> None:
    async with (
        scripted_model() as model,
        fleet(tmp_path, model, STS_DRAIN_S="60") as service,
        caller(service, model) as placing,
    ):
        held = [await placing.call() for _ in range(3)]
        service.process.send_signal(signal.SIGTERM)
        await service.logged("draining")
        await held[0].goes_on()
        service.process.send_signal(signal.SIGTERM)
        for each in held:
            assert await each.core.wait_closed(3) == 1001
        with trio.fail_after(5):
            assert await service.process.wait() == 0


async def test_a_stop_ends_in_time_whatever_the_peers_do(tmp_path: Path) -> None:
    async with (
        scripted_model() as model,
        fleet(tmp_path, model, STS_DRAIN_S=str(_DRAIN_S)) as service,
        caller(service, model) as placing,
    ):
        held = [await placing.call() for _ in range(4)]
        for each in held:
            each.core.stop_reading()
        family = service.family()
        async with await trio.open_tcp_stream("127.0.0.1", service.port) as half:
            await half.send_all(b"GET / HTTP/1.1\r\nHos")
            began_at = trio.current_time()
            service.process.send_signal(signal.SIGTERM)
            with trio.fail_after(_DRAIN_S + 10):
                assert await service.process.wait() == 0
            took_s = trio.current_time() - began_at
        await until(lambda: gone(family))
        # The promise is `STS_DRAIN_S` + 1 s; the rest is a busy machine's.
        assert took_s < _DRAIN_S + 2
    assert not service.lines("worker killed")


async def test_a_stopped_worker_is_killed_at_the_end_of_the_drain(
    tmp_path: Path,
) -> None:
    async with (
        scripted_model() as model,
        fleet(tmp_path, model, STS_DRAIN_S="1") as service,
        caller(service, model) as placing,
    ):
        held = await placing.call()
        number = service.worker_of(held.name)
        family = service.family()
        os.kill(service.pids()[number], signal.SIGSTOP)
        service.process.send_signal(signal.SIGTERM)
        with trio.fail_after(8):
            assert await service.process.wait() == 0
        await until(lambda: gone(family))
        assert service.lines("worker killed", worker=number)


async def test_if_the_parent_is_killed_calls_drain_and_nothing_stays(
    tmp_path: Path,
) -> None:
    async with (
        scripted_model() as model,
        fleet(tmp_path, model, STS_DRAIN_S="3") as service,
        caller(service, model) as placing,
    ):
        held = [await placing.call() for _ in range(2)]
        family = service.family()
        service.process.kill()
        await held[0].goes_on()
        await held[0].core.hang_up()
        assert await held[1].core.wait_closed(8) == 1001
        await until(lambda: gone(family))


async def test_a_signal_before_the_workers_are_ready_stops_all(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "slow.py").write_text(
        "import time\n"
        "from trio_sts.tools import tool\n"
        "time.sleep(600)\n"
        "@tool\n"
        "def weather() -> str:\n"
        "    'Tell the weather.'\n"
        "    return 'fine'\n"
    )
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "trio_sts", "serve"],
        stdout=-3,
        env=environment(OPENAI_API_KEY=KEY, STS_WORKERS="2", TOOLS_DIR=str(tools)),
        start_new_session=True,
    )
    try:
        family = [psutil.Process(process.pid)]

        def has_workers() -> bool:
            family[1:] = family[0].children(recursive=True)
            return len(family) == 4

        await until(has_workers)
        process.send_signal(signal.SIGTERM)
        with trio.fail_after(8):
            assert await process.wait() == 0
        await until(lambda: gone(family))
    finally:
        with trio.move_on_after(5, shield=True):
            process.kill()
            await process.wait()


async def test_one_worker_imports_nothing_of_the_parent(tmp_path: Path) -> None:
    program = (
        "import atexit, sys\n"
        "atexit.register(lambda: print([name for name in sys.modules\n"
        "    if name.startswith('trio_sts.fleet')]))\n"
        "from trio_sts.__main__ import main\n"
        "sys.argv = ['trio-sts', 'serve']\n"
        "main()\n"
    )
    process = await trio.lowlevel.open_process(
        [sys.executable, "-c", program],
        stdout=-1,
        env=environment(OPENAI_API_KEY=KEY, STS_WORKERS="1"),
        cwd=tmp_path,
    )
    output = b""
    assert process.stdout is not None
    with trio.fail_after(20):
        async with process.stdout:
            async for piece in process.stdout:
                output += piece
                if b'"ready"' in piece:
                    process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    assert output.endswith(b"[]\n")
