"""The load program on the real service: a count that is heard whole."""

import os
import shutil
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from bench.load import Bench, Load, build, measure
from bench.machine import CannotMeasure, Place
from bench.plan import Plan
from bench.relays import Relay

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
SERVE = (str(Path(sys.executable).with_name("trio-sts")), "serve")


async def _bench(folder: Path) -> Bench:
    cores = sorted(os.sched_getaffinity(0))
    program = await build(folder)
    return Bench(program, folder, Place(cores[0]), Place(cores[-1]))


@pytest.mark.parametrize("audio_format", ["pcm", "pcma"])
async def test_every_frame_is_heard_in_linear_and_companded_audio(
    tmp_path: Path, audio_format: str
) -> None:
    relay = Relay("relay", SERVE, {"OPENAI_AUDIO_FORMAT": audio_format})
    load = Load(2, seconds=0.5, warm_s=0.1)
    found = await measure(await _bench(tmp_path), relay, load, "run")
    assert found.format == audio_format
    assert not found.faults
    assert min(found.up.frames, found.down.frames) >= 2 * 25


@pytest.mark.parametrize(
    ("asterisk", "line"),
    [("slin24", "pcm"), ("slin16", "pcm16k"), ("alaw", "pcma")],
)
async def test_every_frame_is_heard_through_asterisks_own_leg(
    tmp_path: Path, asterisk: str, line: str
) -> None:
    load = Load(2, seconds=0.5, warm_s=0.1, asterisk=asterisk)
    found = await measure(await _bench(tmp_path), Relay("relay", SERVE), load, "run")
    assert found.line == line
    assert not found.faults
    assert min(found.up.frames, found.down.frames) >= 2 * 25


async def test_a_burst_is_heard_whole_although_it_is_paced(tmp_path: Path) -> None:
    load = Load(1, seconds=0.7, burst=6, warm_s=0.1)
    relay = Relay("relay", SERVE)
    found = await measure(await _bench(tmp_path), relay, load, "run")
    assert not found.faults
    assert found.down.frames >= 30


async def test_every_frame_is_heard_of_calls_that_take_turns(tmp_path: Path) -> None:
    relay = Relay("relay", SERVE)
    load = Load(2, seconds=4, warm_s=0.1, turns_s=0.5)
    found = await measure(await _bench(tmp_path), relay, load, "run")
    assert not found.faults
    # The agent is silent for 1.9 s in each turn, and nobody is interrupted.
    assert 2 * 25 <= found.down.frames < found.up.frames / 2


async def test_every_frame_is_heard_over_tls_with_records_written(
    tmp_path: Path,
) -> None:
    if shutil.which("haproxy") is None:
        pytest.skip("haproxy is not installed (Debian's package haproxy)")
    env = {"STS_RECORD_DIR": str(tmp_path / "kept"), "STS_RECORD_AUDIO": "on"}
    load = Load(2, seconds=0.5, warm_s=0.1)
    relay = Relay("everything on", SERVE, env, tls=True)
    found = await measure(await _bench(tmp_path), relay, load, "a run")
    assert not found.faults
    assert min(found.up.frames, found.down.frames) >= 2 * 25
    assert len(list((tmp_path / "kept").rglob("*.wav"))) == 2


async def test_a_run_without_figures_costs_its_own_row_alone(tmp_path: Path) -> None:
    good, bad = Relay("good", SERVE), Relay("bad", (shutil.which("true") or "true",))
    load = Load(1, seconds=0.5, warm_s=0.1)
    with StringIO() as told:
        plan = Plan((good, bad), (load,), repeat=1, urgent=False, spread=True)
        rows = await plan.carry_out(tmp_path, Console(file=told))
        assert [row.relay.name for row in rows] == ["good"]
        assert "no figures: bad does not listen" in told.getvalue()


async def test_a_bench_without_any_figures_says_so(tmp_path: Path) -> None:
    bad = Relay("bad", (shutil.which("true") or "true",))
    plan = Plan((bad,), (Load(1),), repeat=1, urgent=False, spread=True)
    with StringIO() as told, pytest.RaisesGroup(CannotMeasure):
        await plan.carry_out(tmp_path, Console(file=told))
