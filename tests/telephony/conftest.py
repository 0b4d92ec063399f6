"""One Asterisk for all tests; only in the network that ``make telephony`` makes."""

import os
from collections.abc import Callable, Generator

import pytest

from .asterisk import Asterisk, running

Figure = Callable[[str], None]
_FIGURES: list[str] = []


@pytest.fixture(autouse=True)
def _where_asterisk_is() -> None:
    if "TELEPHONY_CHROOT" not in os.environ:
        pytest.skip("make telephony runs these")


@pytest.fixture(name="asterisk", scope="session")
def _asterisk(tmp_path_factory: pytest.TempPathFactory) -> Generator[Asterisk]:
    """Started before the first call; each test must leave no channel behind."""
    with running(tmp_path_factory.mktemp("asterisk")) as asterisk:
        yield asterisk


@pytest.fixture
def figure() -> Figure:
    """Takes a line about what was measured, for the end of the run."""
    return _FIGURES.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was measured."""
    if _FIGURES:
        terminalreporter.section("measured")
    for line in _FIGURES:
        terminalreporter.write_line(line)
