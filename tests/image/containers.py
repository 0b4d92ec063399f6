"""One container without rights: read-only, no capabilities, a user of its own."""

import json
import socket
import subprocess
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio
from attrs import define

from .building import PODMAN

# Podman asks for a million, which is refused where this machine may not give that.
_LIMITS = ("--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096")
# Of the loopback alone, so that the model of the tests is reached.
WITHOUT_RIGHTS = [
    *("--network=host", "--env=HOST=127.0.0.1"),
    *("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"),
    *_LIMITS,
]
_READY_S, _COMMAND_S = 20.0, 60.0
_PEAKS = (
    "/sys/fs/cgroup/memory/memory.max_usage_in_bytes",
    "/sys/fs/cgroup/memory.peak",
)


@define(eq=False)
class Container:
    """A container that was started.

    Attributes:
        name: Its id.
        port: Where the service listens.
    """

    name: str
    port: int

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def ready(self) -> None:
        """Wait until the service listens."""
        with trio.fail_after(_READY_S):
            # It tells nobody.
            while "ready" not in [line["event"] for line in await self.log()]:  # noqa: ASYNC110
                await trio.sleep(0.1)

    async def log(self) -> list[dict[str, Any]]:
        """The lines of the log that are JSON."""
        done = await podman("logs", self.name)
        return [
            json.loads(line) for line in done.stdout.split("\n") if line.startswith("{")
        ]

    async def execute(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command inside."""
        return await podman("exec", self.name, *command, check=False)

    async def signal(self, name: str) -> None:
        """Send a signal to process 1."""
        await podman("kill", f"--signal={name}", self.name)

    async def exit_code(self, within_s: float) -> int:
        """Wait for the end."""
        with trio.fail_after(within_s):
            done = await podman("wait", self.name)
        return int(done.stdout)

    async def state(self) -> dict[str, Any]:
        done = await podman("inspect", "--format={{json .State}}", self.name)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    async def peak_bytes(self) -> int | None:
        """The most memory that all its processes had; None where nobody counts it."""
        for path in _PEAKS:
            done = await self.execute("cat", path)
            if done.returncode == 0:
                return int(done.stdout)
        return None


@asynccontextmanager
async def started(
    image: str, *command: str, options: Sequence[str] = (), **environ: str
) -> AsyncGenerator[Container]:
    """Start a container, and take it away in the end, whatever it does then."""
    # The health check has to know the port, too.
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    given = {"PORT": str(port), **environ}
    settings = [f"--env={name}={value}" for name, value in given.items()]
    arguments = (*WITHOUT_RIGHTS, *options, *settings, image, *command)
    done = await podman("run", "--detach", *arguments)
    container = Container(done.stdout.strip(), port)
    try:
        yield container
    finally:
        with trio.move_on_after(_COMMAND_S, shield=True):
            await podman("rm", "--force", "--time=0", container.name)


async def podman(
    *arguments: str, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run podman; what it writes is text. Standard error is told when it fails."""
    with trio.fail_after(_COMMAND_S):
        done = await trio.run_process(
            [*PODMAN, *arguments],
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
    output, error = done.stdout.decode(), done.stderr.decode()
    assert not check or done.returncode == 0, (arguments, output, error)
    return subprocess.CompletedProcess(arguments, done.returncode, output, error)
