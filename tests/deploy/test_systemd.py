"""The unit for systemd, as ``systemd-analyze`` judges it without a running manager."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .prometheus import DEPLOY

UNIT = DEPLOY / "systemd" / "trio-sts.service"
# Of 10: higher is more exposed. 9.6 is a unit that says nothing.
MOST_EXPOSED = 1.5


def analyze(*words: str) -> str:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed (Debian's package systemd)")
    done = subprocess.run(
        [program, *words], capture_output=True, text=True, check=False
    )
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    return told


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, with a program that is there."""
    text = UNIT.read_text("utf-8")
    program = "/opt/trio-sts/bin/trio-sts"
    assert program in text
    path = tmp_path / UNIT.name
    path.write_text(text.replace(program, sys.executable), "utf-8")
    return path


def test_nothing_in_the_unit_is_unknown_to_systemd(unit: Path) -> None:
    assert not analyze("verify", "--man=no", str(unit)).strip()


def test_the_unit_may_do_little(unit: Path) -> None:
    told = analyze("security", "--offline=yes", str(unit))
    exposure = re.search(r"exposure level.*: ([\d.]+)", told)
    assert exposure is not None, told
    assert float(exposure[1]) <= MOST_EXPOSED


def test_the_manager_is_told_what_the_service_tells() -> None:
    given = dict(
        line.split("=", 1)
        for line in UNIT.read_text("utf-8").splitlines()
        if "=" in line and not line.startswith("#")
    )
    assert given["Type"] == "notify"
    assert given["NotifyAccess"] == "main"
    # Fed every 5 s at least, and while it drains for 15 s ahead.
    assert int(given["WatchdogSec"].removesuffix("s")) >= 10
    assert int(given["TimeoutStopSec"].removesuffix("s")) >= 15
    assert given["KillMode"] == "mixed", (
        "workers and Node.js get no signal of their own"
    )
