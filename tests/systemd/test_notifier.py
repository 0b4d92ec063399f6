"""What the service manager is told, message by message, on sockets of both kinds."""

import os
import time
from pathlib import Path

import pytest
import trio
import trio.testing
from structlog.testing import capture_logs

from trio_sts.systemd import Notifier

from .manager import managing

ABSTRACT = f"@trio-sts-test-{os.getpid()}"


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return ABSTRACT if request.param == "abstract" else str(tmp_path / "notify")


def notifier(address: str, **more: str) -> Notifier:
    return Notifier.from_environ({"NOTIFY_SOCKET": address, **more})


async def test_each_word_is_one_message(address: str) -> None:
    async with managing(address) as manager:
        told = notifier(address)
        told.ready()
        told.status("2 calls\nREADY=1")
        before_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        told.reloading()
        await manager.wait_for("RELOADING=1")
    ready, status, reloading = manager.messages
    assert ready == ["READY=1"]
    assert status == ["STATUS=2 calls READY=1"], "no line of its own"
    at_us = int(reloading[1].removeprefix("MONOTONIC_USEC="))
    assert before_us <= at_us <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


@pytest.mark.parametrize("given", ["", "relative/path", "vsock:2:1234"])
async def test_without_a_manager_nothing_is_done(given: str) -> None:
    told = notifier(given, WATCHDOG_USEC="1000000")
    told.ready()
    told.stopping(5)
    with trio.fail_after(1):
        await told.run()
    assert told.address is None


def test_a_manager_that_is_gone_costs_one_line(tmp_path: Path) -> None:
    told = notifier(str(tmp_path / "nobody"))
    with capture_logs() as lines:
        told.ready()
        told.ready()
    assert [line["event"] for line in lines] == ["service manager cannot be told"]


async def test_a_manager_that_reads_nothing_holds_nothing_up(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_DGRAM) as sock:
        await sock.bind(path)
        told = notifier(path)
        with capture_logs() as lines:
            for _ in range(2000):
                told.ready()
    assert len(lines) == 1


async def test_the_loop_feeds_the_watchdog_twice_a_period(
    autojump_clock: trio.testing.MockClock, address: str
) -> None:
    async with managing(address) as manager:
        with trio.move_on_after(9.9):
            await notifier(address, WATCHDOG_USEC="4000000").run()
        await manager.wait_for("WATCHDOG=1", after=4)
    assert manager.messages == [["WATCHDOG=1"]] * 5, "at 0, 2, 4, 6 and 8 s"


@pytest.mark.parametrize(
    ("given", "period_s"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getppid())}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "²"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_may_be_anothers(
    given: dict[str, str], period_s: float | None
) -> None:
    assert notifier("/run/notify", **given).watchdog_s == period_s


async def test_a_drain_asks_for_time_as_long_as_it_may_take(
    autojump_clock: trio.testing.MockClock, address: str
) -> None:
    async with managing(address) as manager, trio.open_nursery() as nursery:
        told = notifier(address)
        nursery.start_soon(told.run)
        await trio.sleep(1)
        assert not manager.messages
        told.stopping(20)
        await trio.sleep(60)
        nursery.cancel_scope.cancel(reason="stopped")
    assert manager.messages[0] == ["STOPPING=1", "EXTEND_TIMEOUT_USEC=15000000"]
    asked = [line.removeprefix("EXTEND_TIMEOUT_USEC=") for line in manager.lines[2:]]
    # At 5, 10, 15, 20 and 25 s; it may take until 26: the drain and 5 s.
    assert asked == ["15000000", "15000000", "11000000", "6000000", "1000000"]


async def test_what_it_is_doing_is_told_when_it_changes(
    autojump_clock: trio.testing.MockClock, address: str
) -> None:
    calls = 0
    async with managing(address) as manager, trio.open_nursery() as nursery:
        nursery.start_soon(notifier(address).run, lambda: f"{calls} calls")
        await trio.sleep(12)
        calls = 3
        await trio.sleep(12)
        nursery.cancel_scope.cancel(reason="seen")
    assert manager.lines == ["STATUS=0 calls", "STATUS=3 calls"]
