"""The files of entries: whole or not there, and taken over from who has ended."""

import fcntl
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from trio_sts.delivery.spool import Spool, SpoolFull, all_entries, id_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "spool" / "calls"


def files(root: Path) -> list[str]:
    return sorted(path.name for path in all_entries(root))


def test_an_entry_is_a_file_of_its_owner_s_alone(root: Path) -> None:
    before = os.umask(0)
    try:
        path = Spool(root).write("a1", 5, b"{}")
    finally:
        os.umask(before)
    assert path.read_bytes() == b"{}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for folder in (path.parent, root, root.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert id_of(path) == "a1"


def test_nothing_is_made_before_there_is_an_entry(root: Path) -> None:
    spool = Spool(root)
    assert spool.take_over() == 0
    assert spool.load((), 10) == []
    spool.close()
    assert not root.parent.exists()


def test_the_folder_above_is_never_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Spool(tmp_path / "not mounted" / "spool" / "calls").write("a", 1, b"")
    assert list(tmp_path.iterdir()) == []


def test_what_is_removed_leaves_nothing(root: Path) -> None:
    spool = Spool(root)
    path = spool.write("a1", 5, b"{}")
    spool.remove(path)
    spool.remove(path)
    assert files(root) == []
    spool.close()
    assert list(root.iterdir()) == []


def test_the_oldest_are_loaded_first_without_those_that_are_known(root: Path) -> None:
    spool = Spool(root)
    for number in (30, 4, 200, 1):
        spool.write(f"id-{number}", number, b"body %d" % number)
    found = spool.load({"id-4"}, 2)
    assert [(each.id, each.created_ms, each.body) for each in found] == [
        ("id-1", 1, b"body 1"),
        ("id-30", 30, b"body 30"),
    ]


def test_who_lives_keeps_its_entries_and_who_has_ended_does_not(root: Path) -> None:
    alive, next_one = Spool(root), Spool(root)
    alive.write("a1", 1, b"of one that lives")
    next_one.write("b1", 2, b"its own")
    assert next_one.take_over() == 0
    alive.close()
    assert next_one.take_over() == 1
    assert [each.id for each in next_one.load((), 10)] == ["a1", "b1"]
    assert next_one.take_over() == 0
    assert len(list(root.iterdir())) == 1


def test_a_process_that_is_killed_leaves_whole_entries(root: Path) -> None:
    script = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from trio_sts.delivery.spool import Spool\n"
        "spool = Spool(Path(sys.argv[1]))\n"
        "for number in range(20):\n"
        "    spool.write(f'id-{number}', number, b'x' * 10_000)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(root)], check=False)
    assert killed.returncode == -9
    spool = Spool(root)
    assert spool.take_over() == 20
    assert {each.body for each in spool.load((), 99)} == {b"x" * 10_000}


def test_half_an_entry_is_none(root: Path) -> None:
    spool = Spool(root)
    path = spool.write("a1", 1, b"whole")
    (path.parent / ".a2").write_bytes(b"ha")
    assert [each.id for each in spool.load((), 10)] == ["a1"]
    spool.close()
    successor = Spool(root)
    assert successor.take_over() == 1
    assert [each.id for each in successor.load((), 10)] == ["a1"]


def test_it_is_bounded_and_what_is_taken_over_counts(root: Path) -> None:
    spool = Spool(root, most_bytes=100)
    first = spool.write("a1", 1, b"x" * 60)
    with pytest.raises(SpoolFull):
        spool.write("a2", 2, b"x" * 60)
    spool.remove(first)
    spool.write("a2", 2, b"x" * 60)
    spool.close()
    successor = Spool(root, most_bytes=100)
    successor.take_over()
    with pytest.raises(SpoolFull):
        successor.write("a3", 3, b"x" * 60)


def test_a_disk_that_is_full_leaves_no_part_of_an_entry(root: Path) -> None:
    script = (
        "import resource, sys\nfrom pathlib import Path\n"
        "import signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from trio_sts.delivery.spool import Spool\n"
        "spool = Spool(Path(sys.argv[1]))\nspool.write('a', 1, b'x' * 10)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "try:\n    spool.write('b', 2, b'x' * 10_000)\n"
        "except OSError:\n    sys.exit(7)\n"
    )
    full = subprocess.run([sys.executable, "-c", script, str(root)], check=False)
    assert full.returncode == 7
    assert files(root) == ["000000000000001-a.json"]
    (folder,) = root.iterdir()
    assert sorted(path.name for path in folder.iterdir()) == [
        "000000000000001-a.json",
        "lock",
    ]


def test_a_folder_that_somebody_has_removed_is_made_anew(root: Path) -> None:
    spool = Spool(root)
    path = spool.write("a1", 1, b"{}")
    for each in path.parent.iterdir():
        each.unlink()
    path.parent.rmdir()
    assert spool.write("a2", 2, b"{}").exists()
    assert files(root) == ["000000000000002-a2.json"]


def test_a_folder_that_another_process_takes_over_meanwhile_is_left_to_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        ended = Spool(root)
        ended.write(f"a{number}", number, b"{}")
        ended.close()
    faster, slower = Spool(root), Spool(root)
    lock = fcntl.flock

    def late(descriptor: int, operation: int) -> None:
        # The slower one has opened the lock's file, and locks it now.
        monkeypatch.undo()
        assert faster.take_over() == 2
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    assert slower.take_over() == 0
    assert [entry.id for entry in faster.load((), 9)] == ["a0", "a1"]
