"""The service as a process: it starts, and stops, whatever its files and streams do."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
import trio

from tests.system.test_process import environment

SERVE = [sys.executable, "-m", "trio_sts", "serve"]
needs_node = pytest.mark.skipif(
    shutil.which("node") is None, reason="Node.js is not installed"
)


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def may_unshare() -> bool:
    unshare = shutil.which("unshare")
    if unshare is None:
        return False
    command = [unshare, "--pid", "--fork", "true"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


@asynccontextmanager
async def started(
    folder: Path, *command: str, port: int = 0, stdout: int | None = None
) -> AsyncGenerator[trio.Process]:
    process = await trio.lowlevel.open_process(
        list(command or SERVE),
        env=environment(STS_EMBEDDED="off", OPENAI_API_KEY="sk-none", PORT=str(port)),
        cwd=folder,
        start_new_session=True,
        stdout=stdout,
    )
    try:
        yield process
    finally:
        with trio.CancelScope(shield=True):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(400):
        if holds():
            return
        await trio.sleep(0.05)
    raise AssertionError("it never holds")


async def is_there(port: int) -> bool:
    try:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
    except OSError:
        return False
    async with stream:
        await stream.send_all(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
        return (await stream.receive_some()).startswith(b"HTTP/1.1 200")


async def until_there(port: int) -> None:
    for _ in range(400):
        if await is_there(port):
            return
        await trio.sleep(0.05)
    raise AssertionError("nobody answers")


async def stop(process: trio.Process, *, within_s: float) -> int:
    process.send_signal(signal.SIGTERM)
    with trio.fail_after(within_s):
        return await process.wait()


async def until_said(process: trio.Process, words: bytes) -> bytes:
    assert process.stdout is not None
    said = b""
    with trio.fail_after(20):
        while True:
            chunk = await process.stdout.receive_some()
            assert chunk, said
            said += chunk
            if words in said:
                return said


def tool(folder: Path, name: str, text: str) -> None:
    (folder / "tools").mkdir(exist_ok=True)
    (folder / "tools" / name).write_text(text)


FLOOD = """
import structlog
for number in range(8000):
    structlog.get_logger().info("flood", number=number, text="x" * 1000)
name = "flood"
def handler(uuid, args): return ""
"""


async def test_a_stdout_that_nobody_reads_holds_nobody_up(
    tmp_path: Path, unused_port: int
) -> None:
    tool(tmp_path, "flood.py", FLOOD)
    async with started(tmp_path, port=unused_port, stdout=subprocess.PIPE) as process:
        await until_there(unused_port)
        assert await stop(process, within_s=5) == 0


async def test_a_closed_stdout_is_no_fault(tmp_path: Path, unused_port: int) -> None:
    command = f"exec {' '.join(SERVE)} <&- >&- 2>&-"
    async with started(tmp_path, "sh", "-c", command, port=unused_port) as process:
        await until_there(unused_port)
        streams = [os.readlink(f"/proc/{process.pid}/fd/{n}") for n in range(3)]
        assert await stop(process, within_s=5) == 0
    assert streams == ["/dev/null"] * 3


@pytest.mark.parametrize(
    "blocks",
    [
        "import time; time.sleep(3600)",
        "while True: pass",
        "import threading; threading.Event().wait()",
        "import subprocess; subprocess.run(['sleep', '3600'])",
        "import socket; a, b = socket.socketpair(); a.recv(1)",
    ],
)
async def test_a_python_file_that_blocks_says_so_and_cannot_defy_a_signal(
    tmp_path: Path, blocks: str
) -> None:
    tool(tmp_path, "stuck.py", f"{blocks}\nname = 'a'\ndef handler(u, a): return ''\n")
    async with started(tmp_path, stdout=subprocess.PIPE) as process:
        said = await until_said(process, b"takes long to load")
        assert b"stuck.py" in said
        assert await stop(process, within_s=3) == 0


@needs_node
async def test_a_javascript_file_that_never_loads_does_not_delay_the_stop(
    tmp_path: Path,
) -> None:
    tool(tmp_path, "stuck.js", "console.log('begun'); while (true);")
    async with started(tmp_path, stdout=subprocess.PIPE) as process:
        await until_said(process, b"begun")
        assert await stop(process, within_s=4) == 0


ORPHANS = """
import subprocess
for _ in range(20):
    subprocess.run(["sh", "-c", "sleep 0.2 &"])
name = "orphans"
def handler(uuid, args): return ""
"""


@pytest.mark.skipif(not may_unshare(), reason="no new PID namespace may be made")
async def test_as_process_1_it_leaves_no_zombies_and_hands_signals_on(
    tmp_path: Path, unused_port: int
) -> None:
    tool(tmp_path, "orphans.py", ORPHANS)
    command = ("unshare", "--pid", "--fork", *SERVE)
    async with started(tmp_path, *command, port=unused_port) as process:
        await until_there(unused_port)
        (first,) = psutil.Process(process.pid).children()
        (service,) = first.children()
        await until(lambda: first.children() == [service])
        assert service.children() == []
        first.send_signal(signal.SIGTERM)
        with trio.fail_after(5):
            assert await process.wait() == 0


@pytest.mark.skipif(not may_unshare(), reason="no new PID namespace may be made")
async def test_as_process_1_it_ends_as_the_service_ends(tmp_path: Path) -> None:
    command = ("unshare", "--pid", "--fork", *SERVE)
    async with started(tmp_path, *command, stdout=subprocess.PIPE) as process:
        await until_said(process, b'"ready"')
        (first,) = psutil.Process(process.pid).children()
        (service,) = first.children()
        service.kill()
        with trio.fail_after(5):
            assert await process.wait() == 128 + signal.SIGKILL


# Stands in the way of the command line's library: the service never gets further.
STUCK = """
import sys, threading
print("importing", flush=True)
threading.Event().wait()
"""


@pytest.mark.parametrize("is_first", [False, True])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
async def test_a_signal_ends_it_before_anything_slow_is_imported(
    tmp_path: Path, is_first: bool, number: signal.Signals
) -> None:
    if is_first and not may_unshare():
        pytest.skip("no new PID namespace may be made")
    (tmp_path / "click.py").write_text(STUCK)
    before = ("unshare", "--pid", "--fork") if is_first else ()
    # Who runs these tests in the background may ignore it, and so would the service.
    heeding = ("env", "--default-signal=QUIT", f"PYTHONPATH={tmp_path}")
    command = (*before, *heeding, *SERVE)
    async with started(tmp_path, *command, stdout=subprocess.PIPE) as process:
        await until_said(process, b"importing")
        service = psutil.Process(process.pid)
        if is_first:
            (service,) = service.children()
        service.send_signal(number)
        with trio.fail_after(5):
            code = await process.wait()
    assert code == 128 + number
