"""A relay under test, as a process."""

import os
import secrets
import signal
import socket
import subprocess
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO

import trio
from attrs import field, frozen

from .machine import CannotMeasure, Place

# Settings of this shell that must not reach a relay, by how their names begin.
_OURS = ("OPENAI_", "STS_", "AMI_URL", "TOOLS_DIR", "PORT", "HOST")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
# Below those that Linux gives to connections (net.ipv4.ip_local_port_range).
_PORTS = range(20_000, 32_000)
_START_S = 30.0
_POLL_S = 0.02
_STOP_S = 5.0
_LOG_LINES = 12


@frozen
class Relay:
    """A command that answers AVR Core on $PORT and dials $OPENAI_BASE_URL.

    Attributes:
        name: Its name in tables.
        command: It runs in an empty folder, so its paths are absolute.
        env: More environment; ``{endpoint_port}`` in a value is filled in.
        tls: Whether its endpoint speaks TLS; see `bench.tls`.
    """

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(factory=dict[str, str])
    tls: bool = False

    def environment(self, port: int, endpoint_port: int) -> dict[str, str]:
        """All of its environment."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.upper().startswith((*_OURS, *_PROXIES))
        }
        own = {
            name: value.replace("{endpoint_port}", str(endpoint_port))
            for name, value in self.env.items()
        }
        return {
            **kept,
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "OPENAI_API_KEY": "sk-load",
            "OPENAI_BASE_URL": f"http{'s' * self.tls}://127.0.0.1:{endpoint_port}/v1",
            **own,
        }


@frozen
class Running:
    """A relay that listens."""

    pid: int
    port: int
    ready_s: float


def free_port() -> int:
    """A port that nobody listens on, and that no connection of a load will be given."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@asynccontextmanager
async def running(
    relay: Relay, endpoint_port: int, place: Place, folder: Path
) -> AsyncGenerator[Running]:
    """Start a relay, wait until it listens, and end it with the block.

    Args:
        relay: What to run.
        endpoint_port: Where its endpoint will listen.
        place: Where it runs.
        folder: A folder for this run alone.

    Raises:
        CannotMeasure: It does not start, or does not listen within 30 s.
    """
    port, log = free_port(), folder / "relay.log"
    with _begun(log) as out:
        began_at = trio.current_time()
        process = await trio.lowlevel.open_process(
            place.command(*relay.command),
            env=relay.environment(port, endpoint_port),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        try:
            if not await _listens(process, port):
                tail = log.read_text("utf-8", "replace").splitlines()[-_LOG_LINES:]
                text = "\n  ".join([f"{relay.name} does not listen:", *tail])
                raise CannotMeasure(text)
            yield Running(process.pid, port, trio.current_time() - began_at)
        finally:
            with trio.move_on_after(2 * _STOP_S, shield=True):
                await _stop(process)


def _begun(log: Path) -> IO[bytes]:
    log.parent.mkdir(parents=True)
    return log.open("wb")


async def _listens(process: trio.Process, port: int) -> bool:
    with trio.move_on_after(_START_S):
        while True:
            await trio.sleep(_POLL_S)
            if process.poll() is not None:
                return False
            try:
                stream = await trio.open_tcp_stream("127.0.0.1", port)
            except OSError:
                continue
            await stream.aclose()
            return True
    return False


async def _stop(process: trio.Process) -> None:
    process.terminate()
    with trio.move_on_after(_STOP_S):
        await process.wait()
    # Its own session: this reaches what it has left behind, and nothing else.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
