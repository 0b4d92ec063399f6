"""What ``trio-sts check`` says of the store, and what it costs who has none."""

import subprocess
import sys

import pytest

from tests.test_checkup import checked, told
from trio_sts.callstore.engine import open_database

from . import postgres


async def test_a_server_that_is_there_is_told_and_nothing_is_made_in_it(
    server: postgres.Server,
) -> None:
    url = server.new_database()
    report = await checked(
        {"STS_CALLS_DB": url, "OPENAI_BASE_URL": "http://127.0.0.1:1"}, offline=False
    )
    assert told(report, "store") == [("ok", "the database answers")]
    database = open_database(url)
    with database.engine.connect() as connection:
        query = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert connection.exec_driver_sql(query).scalar_one() == 0
    database.close()


async def test_a_server_that_is_away_is_a_warning_without_the_password() -> None:
    url = "postgresql://sts:hush-hush@127.0.0.1:1/calls"
    report = await checked(
        {"STS_CALLS_DB": url, "OPENAI_BASE_URL": "http://127.0.0.1:1"}, offline=False
    )
    ((level, text),) = told(report, "store")
    assert level == "warning"
    assert "calls wait for it" in text
    assert "hush-hush" not in str(report)


@pytest.mark.parametrize("url", ["", "sqlite:///calls.db"])
async def test_a_file_is_not_asked(url: str) -> None:
    assert told(await checked({"STS_CALLS_DB": url}), "store") == []


def test_who_has_no_store_loads_no_library_for_it() -> None:
    script = (
        "import sys, trio_sts.service, trio_sts.checkup\n"
        "assert not {'sqlalchemy', 'psycopg'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
