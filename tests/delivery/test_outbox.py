"""What waits for a sink: bounded, in files where they can be written, and lost aloud."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.lowlevel
from structlog.testing import capture_logs

from trio_sts.delivery.outbox import Outbox
from trio_sts.delivery.spool import Spool, all_entries, id_of

from .kit import until


@asynccontextmanager
async def kept(spool: Spool | None, **bounds: Any) -> AsyncGenerator[Outbox]:
    outbox = Outbox("a sink", spool, **bounds)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.keep)
        yield outbox
        nursery.cancel_scope.cancel(reason="the test is over")


def on_disk(root: Path) -> set[str]:
    return {id_of(path) for path in all_entries(root)}


async def test_an_entry_gets_a_file_which_goes_when_it_is_delivered(
    tmp_path: Path,
) -> None:
    root = tmp_path / "spool" / "x"
    async with kept(Spool(root)) as outbox:
        outbox.put("a", b"body")
        await until(lambda: on_disk(root) == {"a"})
        outbox.settle(outbox.waiting["a"], "delivered")
        await until(lambda: on_disk(root) == set())
    assert outbox.results == {"delivered": 1}


async def test_one_that_is_delivered_while_its_file_is_written_leaves_none(
    tmp_path: Path,
) -> None:
    root = tmp_path / "spool" / "x"
    async with kept(Spool(root)) as outbox:
        for number in range(50):
            outbox.put(f"id-{number}", b"body")
            await trio.lowlevel.checkpoint()
            outbox.settle(outbox.waiting[f"id-{number}"], "delivered")
        outbox.put("last", b"body")
        await until(lambda: on_disk(root) == {"last"})


async def test_what_has_no_room_in_memory_waits_on_disk(tmp_path: Path) -> None:
    root = tmp_path / "spool" / "x"
    async with kept(Spool(root), most_entries=10) as outbox:
        for number in range(50):
            outbox.put(f"id-{number}", b"body")
            await until(lambda: not outbox.unsafe)
        assert len(outbox.waiting) == 10
        assert len(on_disk(root)) == 50
        delivered: set[str] = set()
        while len(delivered) < 50:
            await until(lambda: bool(outbox.waiting))
            entry = next(iter(outbox.waiting.values()))
            delivered.add(entry.id)
            outbox.settle(entry, "delivered")
        await until(lambda: not on_disk(root))
    assert outbox.results == {"delivered": 50}


async def test_bytes_are_bounded_too() -> None:
    with capture_logs() as lines:
        async with kept(None, most_bytes=1000) as outbox:
            for number in range(5):
                outbox.put(f"id-{number}", b"x" * 300)
    assert list(outbox.waiting) == ["id-2", "id-3", "id-4"]
    lost = [line for line in lines if line["event"] == "record lost"]
    assert [(line["record"], line["lost"]) for line in lost] == [
        ("id-0", 1),
        ("id-1", 2),
    ]


async def test_one_that_is_being_delivered_does_not_give_way() -> None:
    async with kept(None, most_entries=2) as outbox:
        outbox.put("busy", b"")
        outbox.waiting["busy"].busy = True
        outbox.put("b", b"")
        outbox.put("c", b"")
    assert list(outbox.waiting) == ["busy", "c"]


async def test_a_folder_that_cannot_be_written_is_told_once_and_tried_again(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    mock_clock.rate = 20
    root = tmp_path / "away" / "spool" / "x"
    with capture_logs() as lines:
        async with kept(Spool(root)) as outbox:
            for number in range(3):
                outbox.put(f"id-{number}", b"body")
                await trio.sleep(1)
            (tmp_path / "away").mkdir()
            await until(lambda: len(on_disk(root)) == 3, within_s=200)
    told = [line for line in lines if line["event"] == "spool cannot be written"]
    assert [line["why"] for line in told] == ["No such file or directory"]
    assert [line["event"] for line in lines][-1] == "works again"


async def test_the_end_writes_what_is_not_written_and_counts_what_is_lost(
    tmp_path: Path,
) -> None:
    root = tmp_path / "spool" / "x"
    outbox = Outbox("a sink", Spool(root))
    outbox.put("a", b"body")
    await outbox.close()
    outbox.count_lost()
    assert on_disk(root) == {"a"}
    assert outbox.results == {}
    nowhere = Outbox("a sink", None)
    nowhere.put("a", b"body")
    with capture_logs() as lines:
        await nowhere.close()
        nowhere.count_lost()
    assert nowhere.results == {"lost": 1}
    assert [line["event"] for line in lines] == ["record lost"]


async def test_the_entries_of_a_process_that_has_ended_are_taken_up(
    tmp_path: Path,
) -> None:
    root = tmp_path / "spool" / "x"
    before = Spool(root)
    for number in range(450):
        before.write(f"id-{number:03}", number, b"body")
    before.close()
    async with kept(Spool(root)) as outbox:
        await until(lambda: len(outbox.waiting) == 450)
        assert list(outbox.waiting) == [f"id-{number:03}" for number in range(450)]


async def test_an_entry_whose_file_is_removed_is_forgotten(tmp_path: Path) -> None:
    root = tmp_path / "spool" / "x"
    async with kept(Spool(root)) as outbox:
        outbox.put("a", b"body")
        await until(lambda: not outbox.unsafe)
        assert not await outbox.is_forgotten(outbox.waiting["a"])
        (path,) = all_entries(root)
        path.unlink()
        assert await outbox.is_forgotten(outbox.waiting["a"])


@pytest.mark.parametrize("bound", [{"most_entries": 3}, {"most_bytes": 12}])
async def test_what_is_on_disk_gives_way_before_what_is_not(
    tmp_path: Path, bound: dict[str, Any]
) -> None:
    root = tmp_path / "spool" / "x"
    outbox = Outbox("a sink", Spool(root), **bound)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.keep)
        outbox.put("a", b"body")
        await until(lambda: not outbox.unsafe)
        nursery.cancel_scope.cancel()
    for name in "bcd":
        outbox.put(name, b"body")
    assert list(outbox.waiting) == ["b", "c", "d"]
    assert outbox.results == {}
