from collections.abc import Generator
from pathlib import Path

import pytest

from trio_sts.callstore.store import CallStore

from . import postgres


@pytest.fixture(scope="session")
def server() -> Generator[postgres.Server]:
    if postgres.programs() is None:
        pytest.skip("PostgreSQL's server is not installed")
    with postgres.running() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database that is empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'calls.db'}"
    server: postgres.Server = request.getfixturevalue("server")
    return server.new_database()


@pytest.fixture
def store(url: str) -> Generator[CallStore]:
    opened = CallStore.open(url)
    yield opened
    opened.close()
