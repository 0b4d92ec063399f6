"""The process that runs JavaScript tools, from its start to its certain end."""

import os
import signal
import socket
import subprocess
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import structlog
import trio
from structlog.typing import FilteringBoundLogger

from .lines import LineSplitter

_SCRIPT = Path(__file__).with_name("node_host.js")
_STOP_S = 1
_OUTPUT_LINE_BYTES = 2000
_READ_BYTES = 64 * 1024

log: FilteringBoundLogger = structlog.get_logger()


@asynccontextmanager
async def node_process(
    node: str, environ: Mapping[str, str]
) -> AsyncGenerator[trio.SocketStream]:
    """Start the host and give its socket; at the end of the block it is gone.

    Resource handling: The host ends by itself when the socket closes, even if this
    process is killed. Before that it is told with SIGTERM and, 1 s later, with SIGKILL,
    and so is whatever its tools have started. It has a session of its own, so that a
    Ctrl-C in the terminal does not reach it while calls still want their answers.

    Raises:
        OSError: It cannot be started.
    """
    ours, theirs = socket.socketpair()
    stream = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
    async with stream, trio.open_nursery() as nursery:
        with theirs:
            process = await nursery.start(
                partial(
                    trio.run_process,
                    [node, str(_SCRIPT), str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    check=False,
                    deliver_cancel=_stop,
                    pass_fds=(theirs.fileno(),),
                    # What the image's own dotenv package advertises is no operator's news.
                    env={"DOTENV_CONFIG_QUIET": "true", **environ},
                    start_new_session=True,
                )
            )
        nursery.start_soon(_forward, process.stdout)
        nursery.start_soon(_forward, process.stderr)
        yield stream
        nursery.cancel_scope.cancel(reason="the Node.js host is not needed any more")


async def _stop(process: trio.Process) -> None:
    _signal_group(process, signal.SIGTERM)
    await trio.sleep(_STOP_S)
    _signal_group(process, signal.SIGKILL)


def _signal_group(process: trio.Process, number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        log.debug("node host had ended before", signal=number.name)


async def _forward(output: trio.abc.ReceiveStream) -> None:
    """Log what the host itself says: its end, or what a tool wrote past the console."""
    splitter = LineSplitter(_OUTPUT_LINE_BYTES)
    async with output:
        while data := await output.receive_some(_READ_BYTES):
            for line in splitter.feed(data):
                log.warning("node host says", text=line.decode(errors="replace"))
