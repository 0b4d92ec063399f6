"""Where calls go on: a worker has the parent keep it, and knows whether it does."""

import pytest
import trio
import trio.testing

from trio_sts.dialplan import Target
from trio_sts.errors import ToolError
from trio_sts.fleet.channel import Handler
from trio_sts.fleet.far_targets import ASKED, FarTargets, keeps
from trio_sts.tools.targets import Targets

from .test_channel import pair

SALES = Target("default", "1001", "1")


async def test_the_parent_has_it_when_the_worker_goes_on() -> None:
    targets = Targets()
    async with pair(**{ASKED: keeps(targets)}) as (worker, _):
        await FarTargets(worker).keep('a"b-1', SALES)
        assert targets.take('a"b-1') == SALES


async def never(_: object) -> None:
    await trio.sleep_forever()


async def fails(_: object) -> None:
    await trio.lowlevel.checkpoint()
    raise LookupError("on purpose")


@pytest.mark.parametrize(
    ("handlers", "after_s"), [({ASKED: never}, 2), ({ASKED: fails}, 0), ({}, 0)]
)
async def test_a_parent_that_does_not_keep_it_is_noticed(
    handlers: dict[str, Handler],
    after_s: float,
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with pair(**handlers) as (worker, _):
        with pytest.raises(ToolError, match="could not be noted down"):
            await FarTargets(worker).keep("call-1", SALES)
    assert trio.current_time() == after_s


async def test_a_parent_that_is_gone_is_noticed() -> None:
    async with pair(**{ASKED: keeps(Targets())}) as (worker, parent):
        parent._scope.cancel()  # pyright: ignore[reportPrivateUsage]
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(ToolError):
            await FarTargets(worker).keep("call-1", SALES)
