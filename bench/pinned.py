"""Become another program, on one core: ``pinned.py CORE PRIORITY COMMAND...``.

What a process is pinned to must be so before its first thread, so this is a program of
its own. A priority above 0 is a real-time one, which only root may ask for.
"""

import os
import sys


def main(core: str, priority: str, *command: str) -> None:
    """Replace this process by the command."""
    os.sched_setaffinity(0, {int(core)})
    if int(priority):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(int(priority)))
    os.execvp(command[0], command)  # noqa: S606 (no shell is the point)


if __name__ == "__main__":
    main(*sys.argv[1:])
