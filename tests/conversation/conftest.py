"""Whatever call a test holds on a stage is replayed when the test is over."""

from collections.abc import Generator

import pytest

from .recorded import Recorded


@pytest.fixture(autouse=True)
def _calls_replay() -> Generator[None]:
    Recorded.calls.clear()
    yield
    calls = [*Recorded.calls]
    Recorded.calls.clear()
    for call in calls:
        call.must_replay()
