"""How many CPUs this process may use, and how many workers that is."""

import math
import os
from pathlib import Path
from typing import Final, Literal

from trio_sts.settings.groups.listener import MOST_WORKERS

_CGROUPS: Final = Path("/sys/fs/cgroup")
_OWN_CGROUP: Final = Path("/proc/self/cgroup")


def worker_count(workers: int | Literal["auto"]) -> int:
    """How many workers ``STS_WORKERS`` asks for."""
    return min(usable_cpus(), MOST_WORKERS) if workers == "auto" else workers


def usable_cpus(cgroups: Path = _CGROUPS, own_cgroup: Path = _OWN_CGROUP) -> int:
    """The CPUs that the system lets this process run on, as far as its quota goes.

    A quota of a part of a CPU counts as a whole one: 1.5 CPUs are 2.

    Args:
        cgroups: Where the control groups are; version 2 of them is understood.
        own_cgroup: The file that names the one of this process.
    """
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count() or 1
    quota = _quota(cgroups, own_cgroup)
    return max(1, allowed if quota is None else min(allowed, math.ceil(quota)))


def _quota(cgroups: Path, own_cgroup: Path) -> float | None:
    """The smallest quota of this process's group and those around it, in CPUs."""
    try:
        lines = own_cgroup.read_text("utf-8").splitlines()
    except OSError:
        return None
    for line in lines:
        number, _, path = line.partition("::")
        # In a container the path may be one of the machine's, that is not seen here.
        if number == "0":
            group = cgroups / path.strip("/")
            if ".." in group.parts or not group.is_dir():
                group = cgroups
            around = [each for each in group.parents if each.is_relative_to(cgroups)]
            found = [_quota_of(each) for each in (group, *around)]
            return min((each for each in found if each is not None), default=None)
    return None


def _quota_of(group: Path) -> float | None:
    """As the kernel writes it: "max 100000", or microseconds in so many."""
    try:
        quota_us, period_us = (group / "cpu.max").read_text("ascii").split()
        return float(quota_us) / float(period_us)
    except (OSError, ValueError, ZeroDivisionError):
        return None
