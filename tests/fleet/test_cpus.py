"""How many CPUs this process may use."""

import os
from pathlib import Path

import pytest

from trio_sts.fleet.cpus import usable_cpus, worker_count


def eight(pid: int) -> set[int]:
    return set(range(8))


def thousand(pid: int) -> set[int]:
    return set(range(1000))


def cgroup(folder: Path, path: str, **quotas: str) -> tuple[Path, Path]:
    """A tree of control groups with their `cpu.max`, and the file that names ours."""
    own = folder / "own"
    own.write_text(f"0::{path}\n")
    for name, quota in quotas.items():
        group = folder / "cgroup" / name.replace("_", "/").strip("/")
        group.mkdir(parents=True, exist_ok=True)
        (group / "cpu.max").write_text(quota)
    (folder / "cgroup").mkdir(exist_ok=True)
    return folder / "cgroup", own


@pytest.fixture(autouse=True)
def _has_eight_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", eight)


@pytest.mark.parametrize(
    ("quota", "cpus"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("10000 100000", 1),
        ("9900000 100000", 8),
        ("nonsense", 8),
        ("1 0", 8),
    ],
)
def test_a_quota_bounds_the_cpus(tmp_path: Path, quota: str, cpus: int) -> None:
    assert usable_cpus(*cgroup(tmp_path, "/pod", pod=quota)) == cpus


def test_the_smallest_quota_of_all_groups_around_counts(tmp_path: Path) -> None:
    given = cgroup(tmp_path, "/pod/one", pod="300000 100000", pod_one="max 100000")
    assert usable_cpus(*given) == 3


def test_a_path_of_the_machines_counts_as_the_root(tmp_path: Path) -> None:
    """In a container the path may name what is outside of it."""
    groups, own = cgroup(tmp_path, "/../../other", pod="300000 100000")
    (groups / "cpu.max").write_text("400000 100000")
    assert usable_cpus(groups, own) == 4


def test_without_control_groups_the_affinity_counts(tmp_path: Path) -> None:
    assert usable_cpus(tmp_path / "none", tmp_path / "nothing") == 8


def test_a_number_is_taken_as_it_is_and_auto_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", thousand)
    assert worker_count(3) == 3
    assert 1 <= worker_count("auto") <= 256
