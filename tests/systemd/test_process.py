"""A real process and what it tells the service manager, from its start to its end."""

import signal
from pathlib import Path

import trio

from tests.peers.core import calling, silence
from tests.peers.model import scripted_model
from tests.system.test_process import KEY, exit_code, run, running

from .manager import managing

WATCHDOG = {"WATCHDOG_USEC": "400000"}
# A tool that is no good: other tasks of the loop wait for it.
STUCK = """
import time

from trio_sts.tools import tool

@tool
async def compute() -> str:
    \"\"\"Compute.\"\"\"
    time.sleep(1.5)
    return "done"
"""


async def test_ready_is_told_once_the_port_listens(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    async with (
        managing(path) as manager,
        running(tmp_path, OPENAI_API_KEY=KEY, NOTIFY_SOCKET=path) as service,
    ):
        await manager.wait_for("READY=1")
        await manager.wait_for("STATUS=calls: 0")
        assert manager.messages.count(["READY=1"]) == 1
        await (await trio.open_tcp_stream("127.0.0.1", service.port)).aclose()
        service.process.send_signal(signal.SIGTERM)
        assert await exit_code(service, 5) == 0
        assert "WATCHDOG=1" not in manager.lines, "nobody has asked for it"


async def test_no_ready_where_the_port_is_taken(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    async with (
        managing(path) as manager,
        running(tmp_path, OPENAI_API_KEY=KEY) as first,
    ):
        # It never gets as far as the line that `running` waits for.
        await _fails_to_start(tmp_path, path, first.port)
    assert "READY=1" not in manager.lines


async def _fails_to_start(folder: Path, path: str, port: int) -> None:
    code, _ = await run(
        folder, "serve", OPENAI_API_KEY=KEY, NOTIFY_SOCKET=path, PORT=str(port)
    )
    assert code == 1


async def test_a_loop_that_is_stuck_is_silent(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "compute.py").write_text(STUCK)
    given = {"NOTIFY_SOCKET": path, "TOOLS_DIR": str(tmp_path / "tools"), **WATCHDOG}
    async with (
        managing(path) as manager,
        scripted_model() as model,
        running(
            tmp_path, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=model.base_url, **given
        ) as service,
        calling(service.url) as core,
    ):
        fed = await manager.wait_for("WATCHDOG=1")
        await manager.wait_for("WATCHDOG=1", after=fed)
        await core.init("call-1")
        session = await model.next_session()
        async with session.response() as response:
            await response.call("compute", "{}")
        output = await session.expect("conversation.item.create")
        assert "done" in str(output)
        await manager.wait_for("WATCHDOG=1", after=len(manager.messages))
    assert manager.longest_silence_s("WATCHDOG=1") > 1.4, "it was fed by the loop"


async def test_a_drain_asks_for_more_time_until_the_call_is_over(
    tmp_path: Path,
) -> None:
    path = str(tmp_path / "notify")
    given = {"NOTIFY_SOCKET": path, "STS_DRAIN_S": "60", **WATCHDOG}
    async with (
        managing(path) as manager,
        scripted_model() as model,
        running(
            tmp_path, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=model.base_url, **given
        ) as service,
        calling(service.url) as core,
    ):
        await core.init("call-1")
        await model.next_session()
        await manager.wait_for("STATUS=calls: 1")
        service.process.send_signal(signal.SIGTERM)
        stopped = await manager.wait_for("STOPPING=1")
        assert "EXTEND_TIMEOUT_USEC=600000" in manager.messages[stopped - 1]
        for _ in range(3):
            stopped = await manager.wait_for("EXTEND_TIMEOUT_USEC=", after=stopped)
        await core.speak(silence(100))
        assert core.close_code is None
        assert "WATCHDOG=1" in manager.messages[-1]
        await core.hang_up()
        assert await exit_code(service, 5) == 0
