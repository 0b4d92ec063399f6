"""How many handlers may block at the same time, over all calls."""

import threading

import trio
from trio.testing import wait_all_tasks_blocked

from trio_sts.tools.threads import call_either_way, tool_threads


async def test_forty_handlers_block_at_once_and_the_next_one_waits() -> None:
    threads = tool_threads()
    gate = threading.Event()
    answers: list[object] = []

    async def call(number: int) -> None:
        answers.append(await call_either_way(threads, lambda: gate.wait() and number))

    async with trio.open_nursery() as nursery:
        for number in range(42):
            nursery.start_soon(call, number)
        await wait_all_tasks_blocked()
        assert threads.borrowed_tokens == 40
        assert threads.statistics().tasks_waiting == 2
        gate.set()

    assert sorted(answers, key=str) == sorted(range(42), key=str)
    assert threads.borrowed_tokens == 0


async def test_a_thread_that_was_left_alone_keeps_its_place_until_it_ends() -> None:
    threads = tool_threads()
    gate = threading.Event()
    with trio.move_on_after(0.01) as scope:
        await call_either_way(threads, gate.wait)
    assert scope.cancelled_caught
    assert threads.borrowed_tokens == 1

    gate.set()
    with trio.fail_after(5):
        # Every place can be had, so the thread's is free again.
        for place in range(40):
            await threads.acquire_on_behalf_of(place)


async def test_an_async_handler_takes_no_thread() -> None:
    threads = tool_threads()

    async def count() -> int:
        await trio.lowlevel.checkpoint()
        return threads.borrowed_tokens

    assert await call_either_way(threads, count) == 0
