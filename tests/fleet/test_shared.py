"""What the workers of one service share, under several real processes at once."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from trio_sts.delivery.spool import Spool, all_entries, id_of

_WORKERS = 6
_TIMEOUT_S = 30

# Each begins when the file is there: all at once, as near as processes can.
_WAIT = """
import sys, json, time, pathlib
folder = pathlib.Path(sys.argv[1])
(folder / f"ready-{sys.argv[2]}").touch()
while not (folder / "go").exists():
    time.sleep(0.0005)
"""

_TAKE_OVER = f"""
from trio_sts.delivery.spool import Spool, entries, id_of
spool = Spool(pathlib.Path(sys.argv[3]))
faults, taken = [], 0
for _ in range(3):
    try:
        taken += spool.take_over()
    except OSError as exc:
        faults.append(repr(exc))
found = [each.id for each in spool.load((), 10_000)]
print(json.dumps({{"found": found, "taken": taken, "faults": faults}}))
sys.stdout.flush()
# It lives until all have looked.
(folder / f"done-{{sys.argv[2]}}").touch()
while len([*folder.glob("done-*")]) < {_WORKERS}:
    time.sleep(0.005)
"""

_ADD = """
from tests.record.kit import finished
from trio_sts.callstore.store import CallStore
from trio_sts.errors import StoreAway
store = CallStore.open(sys.argv[3])
faults = []
try:
    refused = store.add([finished()])
except StoreAway as exc:
    faults.append(str(exc))
store.close()
print(json.dumps({"faults": faults}))
"""

_LOG = """
import structlog
from trio_sts.log_writer import LogWriter
writer = LogWriter(sys.stdout.buffer, lambda count: b"dropped %d" % count)
name = sys.argv[2].encode()
for number in range(3000):
    writer.msg(b"%s %d %s" % (name, number, name * 200))
    # Nothing is dropped: more would have to wait than may.
    if not number % 500:
        writer.flush()
time.sleep(0.1)
while writer._waiting or writer._writing:
    writer.flush()
"""


def at_once(program: str, folder: Path, *argv: str) -> list[dict[str, list[str]]]:
    """What so many processes say, that all do this at the same time."""
    folder.mkdir()
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _WAIT + program, str(folder), str(number), *argv],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(_WORKERS)
    ]
    soon(lambda: len([*folder.glob("ready-*")]) == _WORKERS)
    (folder / "go").touch()
    told = [process.communicate(timeout=_TIMEOUT_S)[0] for process in started]
    assert [process.returncode for process in started] == [0] * _WORKERS
    return [json.loads(each) for each in told]


def soon(true: Callable[[], bool]) -> None:
    until = time.monotonic() + _TIMEOUT_S  # noqa: TID251
    while not true():
        assert time.monotonic() < until  # noqa: TID251
        time.sleep(0.005)  # noqa: TID251


def test_what_ended_workers_left_is_taken_over_once_and_without_a_fault(
    tmp_path: Path,
) -> None:
    root = tmp_path / "spool"
    left: set[str] = set()
    for number in range(120):
        ended = Spool(root)
        for entry in range(3):
            left.add(f"{number}x{entry}")
            ended.write(f"{number}x{entry}", entry, b"{}")
        ended.close()
    told = at_once(_TAKE_OVER, tmp_path / "start", str(root))
    assert [each["faults"] for each in told] == [[]] * _WORKERS
    found = [entry for each in told for entry in each["found"]]
    assert len(found) == len(left)
    assert {*found} == left
    assert sorted(map(id_of, all_entries(root))) == sorted(left)


def test_workers_that_open_a_new_store_at_once_find_it_ready(tmp_path: Path) -> None:
    for attempt in range(3):
        database = f"sqlite:///{tmp_path}/calls-{attempt}.db"
        told = at_once(_ADD, tmp_path / f"start-{attempt}", database)
        assert [each["faults"] for each in told] == [[]] * _WORKERS


def test_lines_of_several_workers_in_one_pipe_are_whole(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _WAIT + _LOG, str(tmp_path), str(number)],
            stdout=writing,
        )
        for number in range(3)
    ]
    os.close(writing)
    soon(lambda: len([*tmp_path.glob("ready-*")]) == len(started))
    (tmp_path / "go").touch()
    content = bytearray()
    # Slowly: the pipe is full all the time.
    with os.fdopen(reading, "rb", buffering=0) as log:
        while piece := log.read(3001):
            content += piece
    for process in started:
        assert process.wait(timeout=_TIMEOUT_S) == 0
    seen = {str(number): 0 for number in range(3)}
    for line in content.decode().splitlines():
        name, number, rest = line.split(" ")
        assert rest == name * 200
        assert int(number) == seen[name]
        seen[name] += 1
    assert set(seen.values()) == {3000}
