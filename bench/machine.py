"""The machine that measures: its cores, and how it is named beside figures."""

import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Self

from attrs import frozen
from typing_extensions import override

_PINNED = Path(__file__).with_name("pinned.py")


class CannotMeasure(Exception):
    """Why there is no figure."""


@frozen
class Place:
    """Where a process runs: a core of its own, ahead of other processes or not."""

    core: int
    priority: int = 0

    def command(self, *words: str) -> list[str]:
        """The command line that runs ``words`` in this place."""
        pin = [sys.executable, "-I", "-S", str(_PINNED)]
        return [*pin, str(self.core), str(self.priority), *words]


@frozen
class Anywhere(Place):
    """On any core that is free."""

    core: int = -1

    @override
    def command(self, *words: str) -> list[str]:
        """The words themselves."""
        return [*words]


@frozen
class Machine:
    """The facts that figures depend on."""

    processor: str
    cores: int
    kernel: str
    python: str
    trio_sts: str
    trio: str
    at: str

    @classmethod
    def this(cls) -> Self:
        """This machine, now."""
        return cls(
            processor=_processor(),
            cores=len(os.sched_getaffinity(0)),
            kernel=platform.release(),
            python=platform.python_version(),
            trio_sts=version("trio-sts"),
            trio=version("trio"),
            at=datetime.now(UTC).isoformat(timespec="seconds"),
        )


def places(*, urgent: bool) -> tuple[Place, Place]:
    """A core for the relay and one for the load.

    Raises:
        CannotMeasure: This process may use one core only, or may not be urgent.
    """
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) == 1:
        raise CannotMeasure("two cores are needed, one for the relay, one for the load")
    if urgent and os.geteuid() != 0:
        raise CannotMeasure("--urgent needs root")
    return Place(cores[0], 9 if urgent else 0), Place(cores[1], 10 if urgent else 0)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()
