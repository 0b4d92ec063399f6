"""A clock that is not waited for."""

import pytest
from trio.testing import MockClock


@pytest.fixture
def hurried_clock() -> MockClock:
    """Jumps to the next deadline once every task waits and the sockets are quiet."""
    return MockClock(autojump_threshold=0.05)


@pytest.fixture
def swift_clock() -> MockClock:
    """As `hurried_clock`, for tests with many short waits and loopback sockets alone.

    What is sent over the loopback is there at once; 2 ms are left to other processes.
    """
    return MockClock(autojump_threshold=0.002)
