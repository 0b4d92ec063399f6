"""The parent's side of a worker that does not answer."""

import socket
from collections.abc import Mapping
from typing import cast

import pytest
import trio
from attrs import define, field
from structlog.testing import capture_logs
from trio.testing import memory_stream_pair

from trio_sts.fleet.channel import Channel, Handler
from trio_sts.fleet.forks import Forks, Process
from trio_sts.fleet.handover import Giver
from trio_sts.fleet.link import HUNG_S, STUCK_S, Given, Worker
from trio_sts.fleet.plan import Plan
from trio_sts.settings import load

NONE: Mapping[str, Handler] = {}


@define(eq=False)
class Killing:
    """Forks that only kill; each kill is noted with its time."""

    far: socket.socket
    stream: trio.abc.Stream
    killed: list[float] = field(factory=list[float])

    async def kill(self, process: Process) -> None:
        if process.ended.is_set():
            return
        await trio.lowlevel.checkpoint()
        self.killed.append(trio.current_time())
        process.code = -9
        process.ended.set()
        # As the system closes what the process had.
        self.far.close()
        await self.stream.aclose()


def new_worker() -> tuple[Worker, Killing, trio.abc.Stream]:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours, theirs = memory_stream_pair()
    settings, _ = load({"OPENAI_API_KEY": "sk-x"}, None, strict=True)
    plan = Plan(1, 1, settings, {})
    worker = Worker(plan, Process(4711), Channel(ours), Giver.over(near))
    return worker, Killing(far, theirs), theirs


async def test_a_worker_whose_loop_stands_still_is_killed(
    autojump_clock: object,
) -> None:
    worker, killing, theirs = new_worker()
    other = Channel(theirs)
    with capture_logs() as lines:
        async with trio.open_nursery() as nursery:

            async def be_ready_and_hang() -> None:
                other.tell("ready", ["one tool is missing"])
                scope = trio.CancelScope()
                with scope:
                    await other.run({"alive": never})

            nursery.start_soon(be_ready_and_hang)
            await worker.run(cast("Forks", killing), NONE)
            nursery.cancel_scope.cancel(reason="the worker has ended")
    assert worker.is_ready
    assert worker.warnings == ("one tool is missing",)
    assert killing.killed == [HUNG_S]
    assert [line["event"] for line in lines] == ["worker hangs"]


async def never(_: object) -> None:
    await trio.sleep_forever()


async def test_what_an_ended_worker_had_is_over(autojump_clock: object) -> None:
    worker, killing, _ = new_worker()
    ours, theirs = socket.socketpair()
    outcomes: list[str] = []

    async def give() -> None:
        shared = trio.SocketStream(trio.socket.from_stdlib_socket(theirs))
        async with shared:
            outcomes.append(await worker.give(Given(1), None, b"", shared))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(worker.run, cast("Forks", killing), NONE)
        nursery.start_soon(give)
        await trio.testing.wait_all_tasks_blocked()
        before = worker.load
        await trio.sleep(2 * STUCK_S)
        assert (before, worker.load) == ((False, 1), (True, 1))
        await killing.kill(worker.process)
    assert outcomes == ["gone"]
    assert worker.load == (False, 0)
    ours.close()


@pytest.mark.parametrize("most_bytes", [1000])
async def test_a_worker_that_does_not_read_is_killed(
    most_bytes: int, autojump_clock: object
) -> None:
    worker, killing, _ = new_worker()
    worker.channel.most_waiting_bytes = most_bytes
    async with trio.open_nursery() as nursery:
        nursery.start_soon(worker.run, cast("Forks", killing), NONE)
        await trio.testing.wait_all_tasks_blocked()
        for _ in range(1000):
            worker.channel.tell("end", [1, 1000, "x" * most_bytes, ""])
    assert worker.channel.why == "slow"
    assert len(killing.killed) == 1
