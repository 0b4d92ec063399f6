"""What holds for every test."""

from collections.abc import Iterator
from typing import Any

import pytest
import structlog

pytest_plugins = ("tests.watchdog",)


@pytest.fixture(autouse=True)
def _log_is_set_up_for_one_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A command that sets the log up keeps no logger for the tests that follow."""
    configure = structlog.configure

    def uncached(**given: Any) -> None:
        given["cache_logger_on_first_use"] = False
        configure(**given)

    monkeypatch.setattr(structlog, "configure", uncached)
    yield
    structlog.reset_defaults()
