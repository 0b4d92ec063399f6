"""A call leaves nothing in reference cycles, whichever way it ends."""

import gc
from typing import NoReturn

import pytest
import structlog

from bench.churn import ENDINGS, churning, objects_in_cycles
from tests.paths import FAST_PATH

CALLS = 60
# All but a few leave none.
MOST_OBJECTS_A_CALL = 20


@pytest.fixture(autouse=True)
def _no_log() -> None:
    """Nothing is written: the traceback of a crash takes longer than the call."""

    def drop(*_: object) -> NoReturn:
        raise structlog.DropEvent

    structlog.configure(processors=[drop])


@pytest.mark.parametrize("ending", ENDINGS)
async def test_calls_leave_no_cycles(ending: str) -> None:
    async with churning(STS_FAST_PATH=FAST_PATH) as churn:
        # The first ones fill caches.
        await churn.round(ending, 20)
        gc.disable()
        try:
            left = await objects_in_cycles(churn, ending, CALLS)
        finally:
            gc.enable()
            gc.unfreeze()
            gc.set_threshold(700, 10, 10)
    assert left.total() <= MOST_OBJECTS_A_CALL * CALLS, left.most_common(9)
