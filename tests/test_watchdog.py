"""A run of tests that hangs is ended, wherever it does, and says where."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONFTEST = 'pytest_plugins = ("tests.watchdog",)\n'
IMPORTED = """
import threading
def for_ever(): threading.Event().wait()
for_ever()
def test_nothing(): pass
"""
CLEANED_UP = """
import pytest, threading
def for_ever(): threading.Event().wait()
@pytest.fixture
def held():
    yield
    for_ever()
def test_fails(held): assert False
"""
OVER = """
import threading
def for_ever(): threading.Event().wait()
def test_passes(): threading.Thread(target=for_ever).start()
"""
EXIT = """
import atexit, threading
def for_ever(): threading.Event().wait()
def test_passes(): atexit.register(for_ever)
"""
ENDS = "def test_passes(): pass"


def run(folder: Path, source: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_one.py").write_text(source)
    return subprocess.run(
        (
            sys.executable, "-m", "pytest", f"--rootdir={folder}", "-c", os.devnull,
            "--override-ini=faulthandler_timeout=2",
            "--override-ini=faulthandler_exit_on_timeout=true", "test_one.py",
        ),
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("source", [IMPORTED, CLEANED_UP, OVER, EXIT])
def test_it_ends_and_shows_where_it_stood(tmp_path: Path, source: str) -> None:
    ran = run(tmp_path, source)
    assert ran.returncode == 1
    assert "Timeout (" in ran.stderr
    assert "for_ever" in ran.stderr


def test_a_run_that_ends_by_itself_shows_nothing(tmp_path: Path) -> None:
    ran = run(tmp_path, ENDS)
    assert (ran.returncode, ran.stderr) == (0, "")
