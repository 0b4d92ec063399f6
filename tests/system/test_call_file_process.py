"""A real process, its calls' files, and what kills either."""

import os
import random
import resource
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import trio
from websockets.exceptions import ConnectionClosed

from tests.peers.core import FakeCore, calling
from tests.system.test_process import Running, run, running
from trio_sts.replaying.verify import verify

# `KILLS=50` is fifty of them, as many as a whole afternoon needs.
KILLS = int(os.environ.get("KILLS") or 3)
_CALLS = 2
_FRAME_S = 0.02


async def _talk(core: FakeCore, keys: str = "") -> None:
    """Frames all the time, and keys every two seconds."""
    number = 0
    with suppress(ConnectionClosed, OSError):
        while True:
            await core.say(bytes(320))
            number += 1
            if number % 100 == 0:
                await core.press(keys)
            await trio.sleep(_FRAME_S)


async def _hold(service: Running, name: str, begins_after_s: float) -> None:
    await trio.sleep(begins_after_s)
    with suppress(ConnectionClosed, OSError):
        async with calling(service.url) as core:
            await core.init(name)
            await _talk(core, "5#")


async def _until(is_so: Callable[[], bool]) -> None:
    for _ in range(400):
        if is_so():
            return
        await trio.sleep(0.05)
    raise AssertionError("it never comes")


def _events(service: Running) -> list[str]:
    return [line["event"] for line in service.log]


@pytest.mark.parametrize("kill", range(KILLS))
async def test_a_process_that_is_killed_leaves_files_that_replay(
    kill: int, tmp_path: Path
) -> None:
    moments = random.Random(kill)  # noqa: S311  # no secret
    folder = tmp_path / "calls"
    async with running(
        tmp_path, STS_EMBEDDED="on", STS_RECORD_DIR=str(folder)
    ) as service:
        async with trio.open_nursery() as nursery:
            for number in range(_CALLS):
                nursery.start_soon(
                    _hold, service, f"call-{number}", moments.uniform(0, 0.6)
                )
            await _until(lambda: len([*folder.glob("*.call")]) == _CALLS)
            await trio.sleep(moments.uniform(0, 2.5))
            service.process.kill()
            await service.process.wait()
            nursery.cancel_scope.cancel(reason="the process is killed")
    files = [*folder.glob("*.call")]
    assert len(files) == _CALLS
    for path in files:
        verdict = verify(path)
        assert verdict.same, verdict.difference
        assert not verdict.is_whole
        assert verdict.passes > 10


async def test_a_disk_that_takes_no_more_costs_the_file_and_not_the_call(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "calls"
    async with (
        running(tmp_path, STS_EMBEDDED="on", STS_RECORD_DIR=str(folder)) as service,
        calling(service.url) as core,
    ):
        most = 3_000
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (most, most))
        await core.init("call-1")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_talk, core)
            await _until(lambda: "record ends here" in _events(service))
            # The call goes on.
            heard_ms = core.audio_ms
            await core.press("1#")
            await core.wait_audio(heard_ms + 20, within_s=10)
            nursery.cancel_scope.cancel(reason="seen")
        await core.hang_up()
    warnings = [e for e in service.log if e["event"] == "record ends here"]
    assert len(warnings) == 1
    assert warnings[0]["call_id"] == "call-1"
    (path,) = folder.iterdir()
    assert path.stat().st_size <= most
    verdict = verify(path)
    assert verdict.same
    assert not verdict.is_whole


@pytest.mark.parametrize("where", ["missing/calls", "file"])
async def test_a_folder_that_cannot_be_written_is_a_fault_at_the_start(
    tmp_path: Path, where: str
) -> None:
    (tmp_path / "file").write_text("")
    folder = str(tmp_path / where)
    code, told = await run(tmp_path, "serve", STS_EMBEDDED="on", STS_RECORD_DIR=folder)
    assert code == 2
    assert "STS_RECORD_DIR" in told
    assert "must be a folder that can be written" in told
