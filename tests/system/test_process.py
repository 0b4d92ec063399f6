"""The real process: its exit codes, its signals, its log."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import define, field

from tests.paths import FAST_PATH
from tests.peers.core import calling, silence
from tests.peers.model import scripted_model

COMMAND = [sys.executable, "-m", "trio_sts"]
KEY = "sk-process-test"


@define(eq=False)
class Running:
    """A service in a process of its own, and what it has logged."""

    process: trio.Process
    port: int = 0
    log: list[dict[str, Any]] = field(factory=list[dict[str, Any]])
    output: bytearray = field(factory=bytearray)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def read_log(self, *, task_status: trio.TaskStatus[None]) -> None:
        assert self.process.stdout is not None
        rest = b""
        async for chunk in self.process.stdout:
            self.output += chunk
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self.log.append(json.loads(line))
                if self.log[-1]["event"] == "ready":
                    self.port = self.log[-1]["port"]
                    task_status.started()


def environment(**given: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OPENAI_", "STS_", "AMI_", "TOOLS_"))
    }
    path = {"STS_FAST_PATH": FAST_PATH}
    return kept | path | {"HOST": "127.0.0.1", "PORT": "0", **given}


@asynccontextmanager
async def running(folder: Path, **given: str) -> AsyncGenerator[Running]:
    process = await trio.lowlevel.open_process(
        [*COMMAND, "serve"],
        stdout=subprocess.PIPE,
        # Whatever is written beside the log is no JSON, and seen.
        stderr=subprocess.STDOUT,
        env=environment(**given),
        cwd=folder,
    )
    try:
        async with trio.open_nursery() as nursery:
            service = Running(process)
            with trio.fail_after(20):
                await nursery.start(service.read_log)
            yield service
            nursery.cancel_scope.cancel(reason="the test is over")
    finally:
        process.kill()
        with trio.move_on_after(5, shield=True):
            await process.wait()
            assert process.stdout is not None
            await process.stdout.aclose()


async def exit_code(service: Running, within_s: float) -> int:
    with trio.fail_after(within_s):
        return await service.process.wait()


async def run(folder: Path, *arguments: str, **given: str) -> tuple[int, str]:
    with trio.fail_after(20):
        done = await trio.run_process(
            [*COMMAND, *arguments],
            capture_stdout=True,
            stderr=subprocess.STDOUT,
            env=environment(**given),
            cwd=folder,
            check=False,
        )
    return done.returncode, done.stdout.decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_an_idle_service_with_exit_code_0(
    tmp_path: Path, number: signal.Signals
) -> None:
    async with running(tmp_path, OPENAI_API_KEY=KEY) as service:
        service.process.send_signal(number)
        assert await exit_code(service, 5) == 0


async def test_a_second_signal_closes_all_calls_with_1001(tmp_path: Path) -> None:
    async with (
        scripted_model() as model,
        running(
            tmp_path,
            OPENAI_API_KEY=KEY,
            OPENAI_BASE_URL=model.base_url,
            STS_DRAIN_S="60",
        ) as service,
        calling(service.url) as core,
    ):
        await core.init("call-9")
        session = await model.next_session()
        await core.say(silence(100))
        service.process.send_signal(signal.SIGTERM)
        await core.speak(silence(300))
        assert core.close_code is None, "the first signal lets calls finish"
        service.process.send_signal(signal.SIGTERM)
        assert await core.wait_closed(2) == 1001
        assert await exit_code(service, 3) == 0
        with trio.fail_after(1):
            await session.closed.wait()
        assert session.close_code == 1001
    ended = [line for line in service.log if line["event"] == "call ended"]
    assert [line["call_id"] for line in ended] == ["call-9"]
    assert ended[0]["outcome"] == "service stopping"


async def test_every_line_of_a_call_carries_its_id(tmp_path: Path) -> None:
    async with (
        scripted_model() as model,
        running(
            tmp_path,
            OPENAI_API_KEY=KEY,
            OPENAI_BASE_URL=model.base_url,
            OPENAI_INSTRUCTIONS="Hello {{nobody_knows}}",
            AMI_URL="http://127.0.0.1:9",
        ) as service,
        calling(f"{service.url}/?from=2000") as core,
    ):
        await core.init("call-3")
        session = await model.next_session()
        await core.send({"type": "strange"})
        async with session.response() as response:
            await response.call("avr_transfer", '{"transfer_extension": "1"}')
        await session.expect("conversation.item.create")
        await core.hang_up()
        service.process.send_signal(signal.SIGTERM)
        assert await exit_code(service, 5) == 0
    of_service = {"tools loaded", "ready", "draining", "stopped", "setting"}
    of_calls = [line for line in service.log if line["event"] not in of_service]
    assert len(of_calls) >= 5
    assert {line.get("call_id") for line in of_calls} == {"call-3"}


async def test_faulty_settings_are_all_named_and_exit_2(tmp_path: Path) -> None:
    code, output = await run(tmp_path, "serve", STS_IDLE_S="soon", STS_DRAIN_S="-1")
    assert code == 2
    for variable in ("OPENAI_API_KEY", "STS_IDLE_S", "STS_DRAIN_S"):
        assert variable in output


async def test_a_port_in_use_exits_1_and_says_so(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, output = await run(tmp_path, "serve", OPENAI_API_KEY=KEY, PORT=port)
    assert code == 1
    assert "Traceback" not in output
    assert "cannot run" in output


async def test_healthcheck_tells_a_running_service_from_none(tmp_path: Path) -> None:
    async with running(tmp_path, OPENAI_API_KEY=KEY) as service:
        port = str(service.port)
        alive, _ = await run(
            tmp_path, "healthcheck", OPENAI_API_KEY=KEY, PORT=port, HOST="0.0.0.0"
        )
        assert alive == 0
    dead, _ = await run(tmp_path, "healthcheck", OPENAI_API_KEY=KEY, PORT=port)
    assert dead == 1


@pytest.mark.parametrize("host", ["::1", "::", "127.0.0.1", "localhost"])
async def test_healthcheck_finds_the_service_wherever_it_listens(
    tmp_path: Path, host: str
) -> None:
    async with running(tmp_path, OPENAI_API_KEY=KEY, HOST=host) as service:
        port = str(service.port)
        alive, output = await run(
            tmp_path, "healthcheck", OPENAI_API_KEY=KEY, PORT=port, HOST=host
        )
    assert (alive, output) == (0, "")


async def test_check_shows_the_settings_without_the_secrets(tmp_path: Path) -> None:
    code, output = await run(
        tmp_path,
        "check",
        "--offline",
        OPENAI_API_KEY=KEY,
        STS_TOKEN="let-me-in",
        PORT="6031",
    )
    assert code == 0
    assert "6031" in output
    assert "avr_hangup" in output
    assert KEY not in output
    assert "let-me-in" not in output


async def test_a_built_in_model_without_ears_exits_1_and_says_what_to_install(
    tmp_path: Path,
) -> None:
    (tmp_path / "pocketsphinx.py").write_text("raise ImportError")
    code, output = await run(
        tmp_path, "serve", STS_EMBEDDED="on", PYTHONPATH=str(tmp_path)
    )
    assert code == 1
    assert "Traceback" not in output
    assert "pip install 'trio-sts[demo]'" in output


async def test_the_environment_is_utf_8_whatever_the_locale_says(
    tmp_path: Path,
) -> None:
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    code, output = await run(
        tmp_path,
        "check",
        "--offline",
        "--json",
        OPENAI_API_KEY=KEY,
        OPENAI_VOICE="Zoë",
        **plain,
    )
    assert code == 1
    assert "OPENAI_VOICE=Zo" in output
    assert "UTF-8" not in output


async def test_a_full_disk_is_no_traceback(tmp_path: Path) -> None:
    command = f"exec {sys.executable} -m trio_sts check --offline > /dev/full"
    done = await trio.run_process(
        ["/bin/sh", "-c", command],
        env={"OPENAI_API_KEY": KEY},
        cwd=tmp_path,
        capture_stderr=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == b"the output cannot be written: No space left on device\n"
