"""SIP phones for tests: processes of `sip_phone`, and what is in their recordings."""

import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import trio
from attrs import define, field, frozen

RATE_HZ = 16_000
FRAME_MS = 20
_PROGRAM = "tests.telephony.sip_phone"
_ENDS_S, _WRITES_S = 5.0, 10.0

Samples = npt.NDArray[np.float64]
Event = dict[str, Any]


@frozen
class Recording:
    """What a phone said and heard, sample by sample on one clock, at `RATE_HZ`."""

    said: Samples
    heard: Samples


@define(eq=False)
class Phone:
    """A phone.

    Attributes:
        user: The endpoint of Asterisk that it is.
        events: What it told so far.
    """

    user: str
    folder: Path
    _process: trio.Process
    events: list[Event] = field(factory=list[Event])
    _news: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot)
    _sayings: int = 0

    # What it is told to do.

    async def dial(self, extension: str) -> None:
        """Call an extension; returns at once."""
        await self._order({"dial": f"sip:{extension}@127.0.0.1:5060"})

    async def say(self, pcm: bytes) -> None:
        """Say this, PCM16LE at `RATE_HZ`, behind what it still says; returns at once."""
        self._sayings += 1
        path = self.folder / f"saying-{self._sayings}.pcm"
        await trio.Path(path).write_bytes(pcm)
        await self._order({"say": str(path)})

    async def press(self, digits: str) -> None:
        """Press keys; returns at once."""
        await self._order({"press": digits})

    async def hang_up(self) -> None:
        """Hang up, or give up calling."""
        await self._order({"hang_up": True})

    async def end(self) -> None:
        """Hang up what it still holds, and end its program; returns at once."""
        await self._order({"end": True})

    async def recording(self) -> Recording:
        """What it said and heard so far."""
        written = sum(each["event"] == "written" for each in self.events)
        await self._order({"write": str(self.folder)})
        await self.wait("written", after=written, within_s=_WRITES_S)
        said, heard = (
            np.frombuffer((self.folder / name).read_bytes(), "<i2").astype(np.float64)
            for name in ("said.pcm", "heard.pcm")
        )
        return Recording(said, heard)

    # What it tells.

    def of(self, name: str) -> list[Event]:
        """All events of this name so far."""
        return [each for each in self.events if each["event"] == name]

    @property
    def states(self) -> list[tuple[str, int]]:
        """What the call was so far: PJSIP's words, and the status that came last."""
        return [(each["state"], each["status"]) for each in self.of("state")]

    async def wait(self, name: str, *, after: int = 0, within_s: float = 10.0) -> Event:
        """The event of this name behind the first ``after``."""
        await self.until(lambda: len(self.of(name)) > after, name, within_s=within_s)
        return self.of(name)[after]

    async def answered(self, within_s: float = 15.0) -> None:
        """Wait until the call is answered and its audio runs."""
        await self.until(
            lambda: any(state == "CONFIRMED" for state, _ in self.states),
            "an answer",
            within_s=within_s,
        )
        await self.wait("media")

    async def over(self, within_s: float = 15.0) -> int:
        """Wait until the call is over.

        Returns:
            The frame in which it ended.
        """
        await self.until(
            lambda: any(state == "DISCONNECTED" for state, _ in self.states),
            "an end",
            within_s=within_s,
        )
        (end,) = (
            each["frame"]
            for each in self.of("state")
            if each["state"] == "DISCONNECTED"
        )
        return int(end)

    async def hears_out(self, sounds: int, within_s: float = 10.0) -> None:
        """Wait for a sound behind the first ``sounds``, and for the end of all."""
        await self.wait("sound", after=sounds, within_s=within_s)
        await self.until(
            lambda: len(self.of("silence")) >= len(self.of("sound")),
            "silence",
            within_s=within_s,
        )

    async def until(
        self, is_so: Callable[[], bool], what: str, *, within_s: float
    ) -> None:
        """Wait for events until something is so."""
        with trio.move_on_after(within_s):
            await trio.lowlevel.checkpoint()
            while not is_so():
                assert self._process.poll() is None, f"{self.user}: its program ended"
                await self._news.park()
            return
        message = f"{self.user}: no {what} in {within_s} s: {self.events}"
        raise AssertionError(message)

    async def read(self) -> None:
        """Read what it tells until it ends; `calling` runs this."""
        assert self._process.stdout is not None
        rest = b""
        async for chunk in self._process.stdout:
            *lines, rest = (rest + chunk).split(b"\n")
            # PJSIP writes some lines of its own before its log is set up.
            self.events += [orjson.loads(line) for line in lines if line[:1] == b"{"]
            self._news.unpark_all()
        self._news.unpark_all()

    async def _order(self, order: Event) -> None:
        assert self._process.stdin is not None
        await self._process.stdin.send_all(orjson.dumps(order) + b"\n")


@asynccontextmanager
async def phone(
    folder: Path, user: str = "wideband", codec: str = "G722", port: int = 0
) -> AsyncGenerator[Phone]:
    """Have a phone that is switched on; what it still holds is hung up at the end."""
    folder = Path(mkdtemp(prefix=f"{user}-", dir=folder))
    command = [sys.executable, "-m", _PROGRAM, "--user", user, "--codec", codec]
    command += ["--port", str(port), "--log", str(folder / "pjsip.log")]
    process = await trio.lowlevel.open_process(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    made = Phone(user, folder, process)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(made.read)
            await made.wait("ready")
            try:
                yield made
            finally:
                # Its call is ended as SIP has it, whatever became of the test.
                with trio.move_on_after(_ENDS_S, shield=True), suppress(OSError):
                    await made.end()
                    await process.wait()
            nursery.cancel_scope.cancel(reason="the test is over")
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


def ms(samples: int) -> float:
    """How long so many samples take."""
    return samples * 1000 / RATE_HZ
