"""The call file of a whole call, and what is in none."""

import gzip
import stat
from pathlib import Path

import orjson
import pytest
from trio.testing import MockClock

from trio_sts.conversation.reactions import EVENTS
from trio_sts.replaying.verify import verify
from trio_sts.wire import avr

from .desk import answer, at_desk
from .kit import Crashed


def _text(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes())


async def test_a_call_leaves_a_file_that_replays(
    swift_clock: MockClock, tmp_path: Path
) -> None:
    folder = tmp_path / "calls"
    async with at_desk(STS_RECORD_DIR=str(folder)) as desk:
        await desk.greet()
        await desk.core.say(bytes(16_000))
        await answer(desk.core, desk.session)
    (path,) = folder.iterdir()
    assert path.name.endswith("Z-call-1.call")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    first, *_, last = map(orjson.loads, _text(path).splitlines())
    assert first["format"] == 1
    assert first["session"]["voice"] == "alloy"
    assert first["rules"]["dead_air_s"] == 8
    assert last["end"]["outcome"] == "caller hung up"
    verdict = verify(path)
    assert verdict.same
    assert verdict.is_whole
    assert verdict.passes > 10


async def test_the_input_at_which_the_core_has_failed_is_in_the_file(
    swift_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("no such thing")

    async def crash() -> None:
        async with at_desk(STS_RECORD_DIR=str(folder)) as desk:
            await desk.greet()
            await desk.core.press("1")
            assert await desk.core.wait_closed() == 1011

    folder = tmp_path / "calls"
    monkeypatch.setitem(EVENTS, avr.DtmfDigit, (fail,))
    with pytest.raises(Crashed):
        await crash()
    monkeypatch.undo()
    (path,) = folder.iterdir()
    verdict = verify(path)
    assert verdict.is_whole
    assert verdict.difference is not None
    assert verdict.difference.recorded == [{"is": "Crash", "error": "KeyError"}]
