"""Calling an operator's function, which may be async or not."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import trio

# Handlers that block, of all calls together; one more waits within its own time limit.
THREADS = 40


def tool_threads() -> trio.CapacityLimiter:
    """Return a bound on the handlers that are plain functions."""
    return trio.CapacityLimiter(THREADS)


async def call_either_way(
    threads: trio.CapacityLimiter,
    function: Callable[..., Any],
    /,
    *args: Any,
    **kw: Any,
) -> object:
    """Call an async function here and any other in a thread.

    A thread cannot be stopped: after a timeout it is left to itself and keeps its place
    in ``threads`` until it ends.
    """
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - an object with async __call__
    ):
        result: object = await function(*args, **kw)
        return result
    bound = partial(function, *args, **kw)
    result = await trio.to_thread.run_sync(
        bound, abandon_on_cancel=True, limiter=threads
    )
    # A lambda or a factory that only looked like a plain function.
    return await result if inspect.isawaitable(result) else result
