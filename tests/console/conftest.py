"""A clock that is not waited for."""

import pytest
from trio.testing import MockClock


@pytest.fixture
def hurried_clock() -> MockClock:
    """Jumps to the next deadline once every task waits and the sockets are quiet."""
    return MockClock(autojump_threshold=0.05)
