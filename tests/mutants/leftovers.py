"""Processes that a run of tests left behind."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil


def kill_all_in(folders: Sequence[Path]) -> None:
    """Kill every process that works in one of the folders, whatever its session.

    A process has its parent's folder if it is given no other, and stays in it when its
    parent ends: programs that the tests start in sessions of their own are found too.
    """
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            # Also a folder that is deleted has its name.
            where = Path(process.cwd())
            if any(where.is_relative_to(folder) for folder in folders):
                process.kill()
