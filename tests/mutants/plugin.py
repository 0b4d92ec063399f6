"""What pytest does otherwise while the code is changed; loaded with ``-p``.

Properties try less, and the same each time. With ``MUTANTS_REACH`` it writes to that
file how long each test took and which lines it reached. With ``MUTANTS_ORDER`` it runs
the tests in the order of that file, which it has as a list of their names.
"""

import os
from collections.abc import Generator
from pathlib import Path

import coverage
import orjson
import pytest
from hypothesis import settings

_EXAMPLES = 20
_REACH = os.environ.get("MUTANTS_REACH")
_ORDER = os.environ.get("MUTANTS_ORDER")

settings.register_profile(
    "mutants",
    max_examples=_EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
)
settings.load_profile("mutants")

_coverage = coverage.Coverage(
    data_file=None, config_file=False, source_pkgs=["trio_sts"]
)
_took_s: dict[str, float] = {}

if _REACH:
    _coverage.start()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    if _REACH:
        _coverage.switch_context(item.nodeid)
    return (yield)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _took_s[report.nodeid] = _took_s.get(report.nodeid, 0) + report.duration


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if _ORDER:
        names: list[str] = orjson.loads(Path(_ORDER).read_bytes())
        rank = {name: index for index, name in enumerate(names)}
        items.sort(key=lambda item: rank.get(item.nodeid, len(rank)))


def pytest_unconfigure() -> None:
    if not _REACH:
        return
    _coverage.stop()
    data = _coverage.get_data()
    lines = {
        Path(path).relative_to(Path.cwd()).as_posix(): {
            str(line): tests for line, tests in data.contexts_by_lineno(path).items()
        }
        for path in data.measured_files()
    }
    Path(_REACH).write_bytes(orjson.dumps({"took_s": _took_s, "lines": lines}))
