"""The load program: how it is built and run, and what it tells."""

import subprocess
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import trio
from attrs import evolve, frozen
from cattrs import Converter

from .machine import CannotMeasure, Place
from .relays import Relay, free_port, running
from .tls import terminating

_SOURCE = Path(__file__).with_name("load.c")
# What a fresh process still does after it has begun to listen.
_SETTLE_S = 0.5
_MOST_OVERHEAD_S = 120.0
_TOLD_CHARS = 600
# With more of its core in use a relay's queues grow, and loss is no fault but the limit.
_SATURATED = 0.9
_DISTURBED_MS = 1.0
_DISTURBED_SHARE = 0.03


@frozen
class Load:
    """What is put on a relay.

    Attributes:
        calls: Calls that talk all the time.
        churn: Calls that come and go beside them, per second.
        seconds: How long is measured.
        burst: So many deltas of 100 ms at once, that much less often.
        warm_s: How long they talk before that.
        strangers: Whether the relay may dial for calls that are not of this load.
        turns_s: How long the agent speaks before the model says that it heard the
            caller, and answers; 0 for an agent who never stops.
        asterisk: The media format in which Asterisk itself holds them; empty for AVR
            Core.
    """

    calls: int
    churn: float = 0
    seconds: float = 10
    burst: int = 1
    warm_s: float = 2
    strangers: bool = False
    asterisk: str = ""
    turns_s: float = 0

    @property
    def label(self) -> str:
        """Its name in tables."""
        arriving = f", {self.churn:g} more arrive a second" if self.churn else ""
        direct = f", Asterisk {self.asterisk}" if self.asterisk else ""
        turns = f", turns of {self.turns_s:g} s" if self.turns_s else ""
        return f"{self.calls}{direct}{turns}{arriving}"


@frozen
class Times:
    """Percentiles, in ms."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


@frozen
class Side(Times):
    """One direction of all calls: added latency, and what came of the frames."""

    frames: int
    lost: int
    repeated: int
    unreadable: int
    gap_ms: float


@frozen
class Churn(Times):
    """The calls that came and went; the times are those of their set-up."""

    calls: int
    failed: int


@frozen
class Measured:
    """What the load program found; ``load.c`` says what each figure is."""

    calls: int
    seconds: float
    line: str
    format: str
    cpu_s: float
    processes: int
    waited_s: float
    idle_kib: int
    loaded_kib: int
    up: Side
    down: Side
    set_up: Times
    churn: Churn
    load_cpu_s: float
    late_p99_ms: float
    odd_frames: int
    errors: int
    interruptions: int
    ended_early: int
    left_open: int
    ready_s: float = 0

    @property
    def core_share(self) -> float:
        """How much of one core the relay used."""
        return self.cpu_s / self.seconds

    @property
    def cpu_ms_per_call_s(self) -> float:
        """What one call costs for each second; steady calls only."""
        return self.core_share / self.calls * 1000

    @property
    def kib_per_call(self) -> float:
        """Resident memory that a call added."""
        return (self.loaded_kib - self.idle_kib) / self.calls

    @property
    def lost(self) -> int:
        """Frames that never came, of both directions."""
        return self.up.lost + self.down.lost

    @property
    def saturated(self) -> bool:
        """Whether the relay's core was full."""
        return self.core_share + self.waited_s / self.seconds > _SATURATED

    @property
    def faults(self) -> Mapping[str, int]:
        """What must not happen below saturation, and how often it did."""
        counts = {
            "lost": self.lost,
            "repeated": self.up.repeated + self.down.repeated,
            "unreadable": self.up.unreadable + self.down.unreadable,
            "frames of another size": self.odd_frames,
            "errors": self.errors,
            "interruptions": self.interruptions,
            "calls ended early": self.ended_early,
            "arriving calls failed": self.churn.failed,
            "sockets left open": self.left_open,
        }
        return {what: count for what, count in counts.items() if count}

    @property
    def disturbance(self) -> str | None:
        """How another process got in the way of the figures, if one did."""
        waited = self.waited_s / self.seconds
        if waited > _DISTURBED_SHARE and not self.saturated:
            return f"disturbed: waited {waited:.0%} of the time for its core"
        if self.late_p99_ms > _DISTURBED_MS:
            return f"disturbed: load {self.late_p99_ms:.1f} ms late"
        return None


@frozen
class Bench:
    """Everything that runs of one invocation share."""

    program: Path
    folder: Path
    relay_at: Place
    load_at: Place


async def _nothing(_: int) -> None:
    """Nothing is done beside a load."""


async def build(folder: Path) -> Path:
    """Compile the load program.

    Raises:
        CannotMeasure: There is no gcc, or it finds fault.
    """
    program = folder / "load"
    command = ["gcc", "-O3", "-o", str(program), str(_SOURCE)]
    try:
        await trio.run_process(command, capture_stderr=True)
    except OSError as exc:
        raise CannotMeasure("gcc is needed to build bench/load.c") from exc
    except subprocess.CalledProcessError as exc:
        raise CannotMeasure(exc.stderr.decode(errors="replace")) from exc
    return program


@asynccontextmanager
async def _dialled(
    bench: Bench, relay: Relay, endpoint_port: int, run: str
) -> AsyncGenerator[tuple[Relay, int]]:
    """The relay as it is started, and the port that it dials."""
    if not relay.tls:
        yield relay, endpoint_port
        return
    folder = bench.folder / f"{run}-tls"
    async with terminating(endpoint_port, bench.load_at, folder) as terminated:
        trusted = {"SSL_CERT_FILE": str(terminated.certificate)}
        yield evolve(relay, env={**trusted, **relay.env}), terminated.port


async def measure(
    bench: Bench,
    relay: Relay,
    load: Load,
    run: str,
    beside: Callable[[int], Awaitable[None]] = _nothing,
) -> Measured:
    """Put one load on a fresh process of a relay.

    Args:
        bench: The program and its places.
        relay: What to run.
        load: What to put on it.
        run: A name for this run's folder.
        beside: What else is done to the relay meanwhile, given its port.

    Raises:
        CannotMeasure: The relay or the load program gave up.
    """
    endpoint_port = free_port()
    folder = bench.folder / run
    async with (
        _dialled(bench, relay, endpoint_port, run) as (dialling, dialled_port),
        running(dialling, dialled_port, bench.relay_at, folder) as started,
    ):
        await trio.sleep(_SETTLE_S)
        options: dict[str, float | str] = {
            "relay-port": started.port,
            "endpoint-port": endpoint_port,
            "relay-pid": started.pid,
            "calls": load.calls,
            "churn": load.churn,
            "seconds": load.seconds,
            "burst": load.burst,
            "warm-s": load.warm_s,
            "strangers": int(load.strangers),
            "turns-s": load.turns_s,
        }
        if load.asterisk:
            options["asterisk"] = load.asterisk
        words = [f for k, v in options.items() for f in (f"--{k}", str(v))]
        command = bench.load_at.command(str(bench.program), *words)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(beside, started.port)
            with trio.fail_after(load.seconds + _MOST_OVERHEAD_S):
                done = await trio.run_process(
                    command, capture_stdout=True, capture_stderr=True, check=False
                )
            nursery.cancel_scope.cancel(reason="the load is over")
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip()[-_TOLD_CHARS:]
        why = f"{relay.name}, calls: {load.label}: {told}"
        raise CannotMeasure(why)
    found = orjson.loads(done.stdout) | {"ready_s": round(started.ready_s, 3)}
    return Converter().structure(found, Measured)
