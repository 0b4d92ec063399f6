"""SIGHUP in one process: new calls get what is new, running ones keep what they have."""

import os
import signal
from pathlib import Path

import trio

from tests.peers.core import calling
from tests.peers.model import scripted_model

from .kit import goes_on
from .test_process import KEY, Running, exit_code, running


async def logged(service: Running, event: str, times: int = 1) -> dict[str, object]:
    """The last line of this event, once there are so many."""
    with trio.fail_after(10):
        while True:
            lines = [line for line in service.log if line["event"] == event]
            if len(lines) >= times:
                return lines[-1]
            await trio.sleep(0.02)


def env(folder: Path, **values: str) -> None:
    lines = [f"{name}={value}\n" for name, value in values.items()]
    (folder / ".env").write_text("".join(lines))


def tool(folder: Path, name: str) -> None:
    (folder / "tools").mkdir(exist_ok=True)
    (folder / "tools" / "one.py").write_text(
        f'name = "{name}"\ndescription = "d"\ninput_schema = {{"type": "object"}}\n'
        'def handler(uuid, args): return ""\n'
    )


async def test_new_calls_get_what_is_new_and_running_ones_keep_theirs(
    tmp_path: Path,
) -> None:
    env(tmp_path, OPENAI_INSTRUCTIONS="old words")
    tool(tmp_path, "old_tool")
    async with (
        scripted_model() as model,
        running(
            tmp_path, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=model.base_url
        ) as service,
        calling(service.url) as old,
    ):
        await old.init("old")
        before = await model.next_session()
        assert "old words" in str(before.session)
        assert "old_tool" in str(before.session)
        descriptors = 0
        for round_ in range(1, 4):
            env(
                tmp_path,
                OPENAI_INSTRUCTIONS=f"new words {round_}",
                STS_CONSOLE_SERVICES="x.example.org",
            )
            tool(tmp_path, f"new_tool_{round_}")
            service.process.send_signal(signal.SIGHUP)
            told = await logged(service, "reloaded", round_)
            assert told["changed"] == ["OPENAI_INSTRUCTIONS"]
            async with calling(service.url) as new:
                await new.init(f"new-{round_}")
                session = await model.next_session()
                assert f"new words {round_}" in str(session.session)
                assert f"new_tool_{round_}" in str(session.session)
                assert "old_tool" not in str(session.session)
                await goes_on(old, before)
            await settled(service)
            descriptors = descriptors or open_files(service)
        assert open_files(service) <= descriptors
        restart = await logged(service, "settings that need a restart")
        assert restart["settings"] == ["STS_CONSOLE_SERVICES"]

        env(tmp_path, OPENAI_INSTRUCTIONS="faulty", STS_DRAIN_S="never")
        service.process.send_signal(signal.SIGHUP)
        await logged(service, "not reloaded")
        async with calling(service.url) as new:
            await new.init("after")
            assert "new words 3" in str((await model.next_session()).session)
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE):
            service.process.send_signal(number)
        await logged(service, "signal ignored", 2)
        await goes_on(old, before)
        await old.hang_up()
        service.process.send_signal(signal.SIGQUIT)
        assert await exit_code(service, 5) == 0


async def settled(service: Running) -> None:
    """The call that was is over, with all that it held."""
    await trio.sleep(0.3)


def open_files(service: Running) -> int:
    return len(os.listdir(f"/proc/{service.process.pid}/fd"))
