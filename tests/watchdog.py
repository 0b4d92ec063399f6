"""No run of tests goes on for ever, also where no test runs.

Pytest's own limit holds for one test, and it ends when the test fails: what a failed
test leaves behind to be cleaned up may hang. Neither does it hold while files are
imported and collected, nor when all tests are over and the process still does not end,
for a thread, say. Here is the same limit for all of that: Python shows where each
thread stands, and ends.
"""

import faulthandler
import os

import pytest

_shown = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    # Kept open to the end: later, standard error may be a test's own.
    config.stash[_shown] = os.dup(2)
    _watch(config)


def pytest_runtestloop() -> None:
    # Each test has its limit; who distributes them to other processes runs none.
    faulthandler.cancel_dump_traceback_later()


@pytest.hookimpl(trylast=True)
def pytest_exception_interact(node: pytest.Item | pytest.Collector) -> None:
    # Pytest has just taken its own limit away.
    _watch(node.config)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    _watch(session.config)


def _watch(config: pytest.Config) -> None:
    limit_s = float(config.getini("faulthandler_timeout"))
    ends = bool(config.getini("faulthandler_exit_on_timeout"))
    if limit_s > 0:
        shown = config.stash[_shown]
        faulthandler.dump_traceback_later(limit_s, exit=ends, file=shown)
