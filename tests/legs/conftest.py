"""What the tests of the frame tap share."""

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from trio_sts.loop.reactor import run_reactor


@pytest.fixture(params=["reactor", "each reader by itself"])
async def reading(request: pytest.FixtureRequest, nursery: trio.Nursery) -> None:
    """Sockets are read as the service does it, and as where there is no epoll."""
    if request.param == "reactor":
        nursery.start_soon(run_reactor)
        await wait_all_tasks_blocked()
