"""The suite's runs against the echoes, and what came of them."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import orjson
import trio
from attrs import frozen

from trio_sts.loop.reactor import run_reactor

from .echo import CLOSE_NOTICE, answer, ask, dial

_PROGRAM: Final = Path(sys.executable).with_name("kosoku")
# How fast and how much, and the compression that neither leg offers.
_LEFT_OUT: Final = ("9.*", "12.*", "13.*")
_GOOD: Final = ("OK", "NON-STRICT", "INFORMATIONAL")
_AT_ONCE: Final = 4
_LISTENING: Final = re.compile(rb"listening on (ws://\S+)\s")
_AGENT: Final = "trio-sts"


@frozen
class Case:
    """What came of one case.

    Attributes:
        number: The suite's, such as ``1.1.1``.
        behavior: The verdict on what was sent.
        close: The verdict on how it ended.
        told: The suite's own words about both.
    """

    number: str
    behavior: str
    close: str
    told: str

    @property
    def passed(self) -> bool:
        """Whether both verdicts are good enough."""
        return self.behavior in _GOOD and self.close in _GOOD


async def judge_caller_leg(reports: Path, *, fast: bool) -> list[Case]:
    """Run the suite as a client of the caller leg's echo."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_reactor)
        listeners: list[trio.SocketListener] = await nursery.start(
            partial(
                trio.serve_tcp, partial(answer, fast=fast), port=0, host="127.0.0.1"
            )
        )
        port = listeners[0].socket.getsockname()[1]
        command = _command("fuzzingclient", f"ws://127.0.0.1:{port}", reports)
        # Its exit code says no more than its report, and its output less.
        await trio.run_process(
            [*command, "-p", str(_AT_ONCE)],
            check=False,
            capture_stdout=True,
            capture_stderr=True,
        )
        nursery.cancel_scope.cancel(reason="every case is over")
    return _read(reports)


async def judge_model_leg(reports: Path, *, fast: bool) -> list[Case]:
    """Run the suite as the server that the model leg's echo dials."""
    async with trio.open_nursery() as nursery:
        process: trio.Process = await nursery.start(
            partial(
                trio.run_process,
                _command("fuzzingserver", "127.0.0.1:0", reports),
                check=False,
                capture_stdout=True,
                stderr=subprocess.PIPE,
            )
        )
        url = await _url_of(process)
        nursery.start_soon(_discard_output, process)
        async with trio.open_nursery() as reading:
            reading.start_soon(run_reactor)
            count = int(await ask(f"{url}/getCaseCount", fast=fast))
            limit = trio.CapacityLimiter(_AT_ONCE)
            async with trio.open_nursery() as cases:
                for number in range(1, count + 1):
                    case = f"{url}/runCase?case={number}&agent={_AGENT}"
                    cases.start_soon(partial(_dial_in_turn, limit, case, fast=fast))
            await ask(f"{url}/updateReports?agent={_AGENT}", fast=fast)
            reading.cancel_scope.cancel(reason="every case is over")
    return _read(reports)


async def _dial_in_turn(limit: trio.CapacityLimiter, url: str, *, fast: bool) -> None:
    async with limit:
        await dial(url, fast=fast)


async def _url_of(suite: trio.Process) -> str:
    said = b""
    assert suite.stderr is not None
    while (found := _LISTENING.search(said)) is None:
        more = await suite.stderr.receive_some()
        if not more:
            raise RuntimeError("the suite does not listen")
        said += more
    return found[1].decode()


async def _discard_output(suite: trio.Process) -> None:
    assert suite.stderr is not None
    async for _ in suite.stderr:
        pass


def _command(mode: str, address: str, reports: Path) -> list[str]:
    left_out = [word for cases in _LEFT_OUT for word in ("-x", cases)]
    return [str(_PROGRAM), "-m", mode, address, *left_out, "-o", str(reports)]


def _read(reports: Path) -> list[Case]:
    return sorted(_read_cases(reports), key=_in_order)


def _read_cases(reports: Path) -> Iterator[Case]:
    index = orjson.loads((reports / "index.json").read_bytes())
    for cases in index.values():
        for number, entry in cases.items():
            report = orjson.loads((reports / entry["reportfile"]).read_bytes())
            yield Case(
                number,
                _behavior(report),
                report["behaviorClose"],
                f"{report['result']} {report['resultClose']}",
            )


def _behavior(report: Mapping[str, Any]) -> str:
    """The suite's verdict, as it is without the caller leg's last words."""
    received: Sequence[Any] = report["received"]
    words = ["message", CLOSE_NOTICE, False]
    if not received or received[-1] != words:
        return str(report["behavior"])
    before = received[:-1]
    verdicts = (name for name, events in report["expected"].items() if events == before)
    return next(verdicts, str(report["behavior"]))


def _in_order(case: Case) -> list[int]:
    return [int(part) for part in case.number.split(".")]
