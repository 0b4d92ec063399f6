"""The calls that are over: listed, added up, and one of them as a picture."""

import os
import signal
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import trio

from tests.replaying.files import lines_of, staged, talk, write
from trio_sts.audio.g711 import MU_LAW
from trio_sts.callstore.store import CallStore
from trio_sts.console.archive import process
from trio_sts.console.archive.client import Reader, Unanswered
from trio_sts.console.archive.files import matches
from trio_sts.console.archive.library import Library, NotFound, NotNow, wanted_of
from trio_sts.console.archive.process import answer
from trio_sts.console.archive.replayed import tell
from trio_sts.record.finished_call import Files, FinishedCall, ToolRun, Wait
from trio_sts.record.prices import Cost
from trio_sts.record.recording_wav import wav_head


@pytest.fixture(autouse=True)
def _stores_are_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every library that a test has opened is closed after it."""
    opened: list[Library] = []
    of = Library.of

    def noted(config: Mapping[str, Any]) -> Library:
        opened.append(of(config))
        return opened[-1]

    monkeypatch.setattr(Library, "of", noted)
    yield
    for library in opened:
        library.close()


START = datetime(2026, 3, 1, 12, tzinfo=UTC)
SUMMARY = {
    "outcome": "caller hung up",
    "close_code": 1000,
    "duration_s": 12.5,
    "turns": 2,
    "barge_ins": 1,
    "tools": 1,
    "turn_latency_median_ms": 400,
    "turn_latency_worst_ms": 900,
    "cost_usd": 0.0123,
}


def call(number: int, **more: Any) -> FinishedCall:
    fields: dict[str, Any] = {
        "id": f"{number:032x}",
        "uuid": f"call-{number}",
        "begun_at": START + timedelta(minutes=number),
        "ended_at": START + timedelta(minutes=number + 1),
        "duration_s": 60.0,
        "outcome": "caller hung up",
        "close_code": 1000,
        "model": "gpt-realtime-2.1",
        **more,
    }
    return FinishedCall(**fields)


def in_store(folder: Path, *calls: FinishedCall) -> Library:
    url = f"sqlite:///{folder / 'calls.db'}"
    store = CallStore.open(url)
    store.add(calls)
    store.close()
    return Library.of({"calls_db": url, "record_dir": str(folder)})


def file_of(
    folder: Path, name: str, *, uuid: str = "call-1", number: str = "", end: bool = True
) -> Path:
    """A call file of a real conversation, with other words at its ends."""
    stage = staged()
    talk(stage)
    first, *lines = lines_of(stage, whole=False)
    head = orjson.loads(first) | {"call": uuid, "opened": START.isoformat()}
    numbers = {"note": "numbers", "at": stage.now, "caller": number, "called": "100"}
    lines = [orjson.dumps(head), orjson.dumps(numbers), *lines]
    if end:
        lines.append(orjson.dumps({"end": SUMMARY, "at": stage.now}))
    return write(folder / f"{name}.call", lines)


def listed(library: Library, **asked: Any) -> list[str]:
    return [row["uuid"] for row in library.listed(asked)["calls"]]


def test_without_a_store_and_a_folder_there_is_nothing() -> None:
    library = Library.of({"calls_db": None, "record_dir": None})
    assert library.listed({}) == {"calls": [], "next": None, "source": "none"}
    assert library.stats({})["totals"]["calls"] == 0
    with pytest.raises(NotFound):
        library.one("call-1")


def test_a_store_is_paged_to_its_end_and_nothing_comes_twice(tmp_path: Path) -> None:
    same = [call(each, begun_at=START) for each in range(25)]
    library = in_store(tmp_path, *same, *(call(each) for each in range(25, 60)))
    seen: list[str] = []
    before = None
    while True:
        page = library.listed({"limit": 7, "before": before})
        seen += [row["id"] for row in page["calls"]]
        before = page["next"]
        if before is None:
            break
        assert len(page["calls"]) == 7
    assert len(seen) == len(set(seen)) == 60
    assert seen[0] == f"{59:032x}"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"caller": "+49 30 4711"}, ["call-1"]),
        ({"outcome": "HUNG"}, ["call-3", "call-1"]),
        ({"min_s": "61"}, ["call-2"]),
        ({"worst_ms": "1000"}, ["call-3"]),
        ({"q": "4711"}, ["call-1"]),
        ({"q": "Model-X"}, ["call-2"]),
        ({"q": "100%"}, []),
        ({"since": "2026-03-01T12:02:00Z"}, ["call-3", "call-2"]),
        ({"until": "2026-03-01T12:02:00Z"}, ["call-1"]),
    ],
)
@pytest.mark.parametrize("kind", ["store", "files"])
def test_filters_do_the_same_in_a_store_and_in_files(
    tmp_path: Path, kind: str, asked: dict[str, str], found: list[str]
) -> None:
    calls = [
        call(1, caller="4930/4711"),
        call(2, duration_s=61.0, model="model-x", outcome="model lost"),
        call(3, turn=Wait(1, 1200, 1200)),
    ]
    if kind == "store":
        assert listed(in_store(tmp_path, *calls), **asked) == found
        return
    wanted = wanted_of(asked)
    fit = [each.uuid for each in reversed(calls) if matches(each, wanted)]
    assert fit == found


@pytest.mark.parametrize(
    "asked",
    [
        {"since": "yesterday"},
        {"min_s": "-1"},
        {"min_s": "nan"},
        {"worst_ms": "1e400"},
        {"before": "~"},
        {"limit": "many"},
    ],
)
def test_filters_that_are_none_are_told(asked: dict[str, str]) -> None:
    library = Library.of({"calls_db": None, "record_dir": None})
    told = answer(library, orjson.dumps({"ask": "list", **asked}))
    assert told.startswith(b"400\t\t")


def test_a_store_that_is_away_is_told() -> None:
    url = "postgresql://u:Secret-1@127.0.0.1:1/c?connect_timeout=2"
    library = Library.of({"calls_db": url, "record_dir": None})
    with pytest.raises(NotNow) as caught:
        library.listed({})
    assert "Secret-1" not in str(caught.value)


def test_calls_are_listed_from_files_by_their_first_and_last_lines(
    tmp_path: Path,
) -> None:
    file_of(tmp_path, "20260301T120000.1Z-call-1", number="4711")
    file_of(tmp_path, "20260301T130000.1Z-call-2", uuid="call-2", end=False)
    library = Library.of({"calls_db": None, "record_dir": str(tmp_path)})
    page = library.listed({})
    assert page["source"] == "files"
    unfinished, whole = page["calls"]
    assert (unfinished["uuid"], unfinished["outcome"]) == ("call-2", "no last line")
    assert whole["caller"] == "4711"
    assert whole["worst_ms"] == 900
    assert whole["turn_median_ms"] == 400
    assert whole["cost_usd"] == 0.0123
    assert whole["has_file"] is True
    assert whole["has_recording"] is False


@pytest.mark.parametrize(
    "content",
    [b"", b"no gzip", b"\x1f\x8b\x08", b"\x1f\x8b\x08\x00" + bytes(50)],
)
def test_files_that_are_no_call_files_are_left_out(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "20270301T120000.1Z-x.call").write_bytes(content)
    file_of(tmp_path, "20260301T120000.1Z-call-1")
    (tmp_path / "20280301T120000.1Z-y.call").symlink_to("/etc/passwd")
    library = Library.of({"calls_db": None, "record_dir": str(tmp_path)})
    assert listed(library) == ["call-1"]


def test_a_file_is_read_again_when_it_has_grown(tmp_path: Path) -> None:
    path = file_of(tmp_path, "20260301T120000.1Z-call-1", end=False)
    library = Library.of({"calls_db": None, "record_dir": str(tmp_path)})
    assert library.listed({})["calls"][0]["outcome"] == "no last line"
    other = file_of(tmp_path, "20260301T120000.1Z-other")
    path.write_bytes(other.read_bytes())
    other.unlink()
    assert library.listed({})["calls"][0]["outcome"] == "caller hung up"


def test_one_call_is_told_as_a_picture(tmp_path: Path) -> None:
    file_of(tmp_path, "20260301T120000.1Z-call-1")
    library = Library.of({"calls_db": None, "record_dir": str(tmp_path)})
    row = library.listed({})["calls"][0]
    told = library.one(row["id"])
    assert told == library.one("call-1")
    assert told["verdict"] == "same"
    assert told["problem"] is None
    texts = [(row["role"], row["text"]) for row in told["transcript"]]
    assert ("caller", "What is the weather?") in texts
    kinds = [(entry["lane"], entry["kind"]) for entry in told["timeline"]]
    assert ("caller", "barge-in") in kinds
    assert ("silence", "silence") in kinds
    (run,) = (entry for entry in told["timeline"] if entry["kind"] == "run")
    assert run["text"].startswith("look_up runs for 2.25 s")
    assert run["until_s"] - run["at_s"] == pytest.approx(2.25)
    assert [e["at_s"] for e in told["timeline"]] == sorted(
        e["at_s"] for e in told["timeline"]
    )
    first, second = told["spans"]["agent"]
    # Cut by the caller after a second of three.
    assert 0.8 < first[1] - first[0] < 1.3
    assert first[2].startswith("It is")
    assert 0.7 < second[1] - second[0] < 1.0


@pytest.mark.parametrize("rate_hz", [16_000, 24_000])
def test_audio_is_as_long_as_it_was_on_a_wideband_line(
    tmp_path: Path, rate_hz: int
) -> None:
    stage = staged(caller_rate_hz=rate_hz)
    stage.answer(800)
    stage.advance(4)
    path = tmp_path / "20260301T120000.1Z-call-1.call"
    told = tell(write(path, lines_of(stage)))
    assert told["verdict"] == "same"
    ((begin, end, _),) = told["spans"]["agent"]
    assert 0.7 < end - begin < 1.0


def test_a_call_without_texts_has_no_transcript(tmp_path: Path) -> None:
    stage = staged()
    talk(stage)
    path = tmp_path / "20260301T120000.1Z-call-1.call"
    write(path, lines_of(stage, keeps_text=False))
    library = Library.of({"calls_db": None, "record_dir": str(tmp_path)})
    told = library.one("call-1")
    assert told["transcript"] is None
    assert "weather" not in str(told)


def test_a_file_that_ends_in_mid_call_is_cut_short(tmp_path: Path) -> None:
    path = file_of(tmp_path, "20260301T120000.1Z-call-1", end=False)
    path.write_bytes(path.read_bytes()[:-7])
    library = Library.of({"calls_db": None, "record_dir": str(tmp_path)})
    assert library.one("call-1")["verdict"] == "cut short"


def test_files_of_others_are_nobodys_recordings(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    folder = tmp_path / "records"
    outside.mkdir()
    folder.mkdir()
    secret = outside / "secret.wav"
    secret.write_bytes(wav_head(0))
    (folder / "link.wav").symlink_to(secret)
    names = [str(secret), str(folder / "link.wav"), f"{folder}/../outside/secret.wav"]
    calls = [
        call(each, files=Files(call=name, recording=name))
        for each, name in enumerate([*names, "/etc/passwd", "\x00", "x" * 5000])
    ]
    library = in_store(folder, *calls)
    for each in calls:
        told = library.one(each.id)
        assert told["has_recording"] is False
        assert told["timeline"] is None
        with pytest.raises(NotFound):
            library.recording(each.id)


@pytest.mark.parametrize(
    "asked",
    ["", "../../etc/passwd", "%2e%2e", "f-", "x" * 200, "\x00", "'; DROP TABLE calls"],
)
def test_ids_that_are_none_are_not_found(tmp_path: Path, asked: str) -> None:
    library = in_store(tmp_path, call(1))
    with pytest.raises(NotFound):
        library.one(asked)
    assert listed(library) == ["call-1"]


def test_a_call_id_of_128_odd_characters_is_found(tmp_path: Path) -> None:
    uuid = ("<script>'\"%2e..\\&?#;$(x)`~" * 6)[:128]
    library = in_store(tmp_path, call(1, uuid=uuid))
    assert library.one(uuid)["call"]["uuid"] == uuid


def test_figures_are_added_up(tmp_path: Path) -> None:
    runs = (ToolRun("look_up", 100, "ok"), ToolRun("look_up", 300, "failed"))
    library = in_store(
        tmp_path,
        call(1, turn=Wait(2, 400, 900), cost=Cost(0.5), tools=runs),
        call(2, turn=Wait(2, 600, 700), close_code=1011, outcome="model lost"),
        call(600, turn=Wait(1, 100, 100)),
    )
    told = library.stats({"since": "2026-03-01T12:00:00Z"})
    totals = told["totals"]
    assert (totals["calls"], totals["failed"], totals["minutes"]) == (3, 1, 3.0)
    assert (totals["median_ms"], totals["worst_ms"]) == (400, 900)
    assert totals["cost_usd"] == 0.5
    assert told["outcomes"] == {"caller hung up": 2, "model lost": 1}
    assert told["tools"] == [
        {"name": "look_up", "runs": 2, "median_ms": 200, "worst_ms": 300, "failed": 1}
    ]
    assert len(told["buckets"]) <= 61
    assert sum(bucket["calls"] for bucket in told["buckets"]) == 3
    assert library.stats({"until": "2026-03-01T12:02:00Z"})["totals"]["calls"] == 1


def test_a_picture_of_a_recording_is_as_loud_as_it_is(tmp_path: Path) -> None:
    seconds = 4
    caller = np.zeros(8000 * seconds, "<i2")
    caller[8000:16000] = 16384
    agent = np.full(8000 * seconds, -8192, "<i2")
    codes = np.empty((8000 * seconds, 2), np.uint8)
    codes[:, 0] = np.frombuffer(MU_LAW.encode(caller.tobytes()), np.uint8)
    codes[:, 1] = np.frombuffer(MU_LAW.encode(agent.tobytes()), np.uint8)
    stem = "20260301T120000.1Z-call-1"
    wav = tmp_path / f"{stem}.wav"
    library = Library.of({"calls_db": None, "record_dir": str(tmp_path)})
    file_of(tmp_path, stem)
    for head in (wav_head(len(codes)), wav_head(None)):
        wav.write_bytes(head + codes.tobytes())
        told = library.peaks("call-1", 4)
        assert told["duration_s"] == 4.0
        assert told["caller"] == pytest.approx([0, 0.5, 0, 0], abs=0.02)
        assert told["agent"] == pytest.approx([0.25] * 4, abs=0.02)
    wav.write_bytes(b"RIFF....WAVE" + bytes(100))
    with pytest.raises(NotFound):
        library.peaks("call-1", 4)


async def test_the_process_answers_and_is_started_again(tmp_path: Path) -> None:
    file_of(tmp_path, "20260301T120000.1Z-call-1")
    reader = Reader({"calls_db": None, "record_dir": str(tmp_path)})
    try:
        told = await reader.ask("list")
        assert (told.status, orjson.loads(told.body)["source"]) == (200, "files")
        told = await reader.ask("one", id="nobody")
        assert (told.status, set(orjson.loads(told.body))) == (404, {"error"})
        assert (await reader.ask("nonsense")).status == 500
        first = reader.process
        assert first is not None
        first.kill()
        await first.wait()
        assert (await reader.ask("one", id="call-1")).status == 200
        assert reader.process is not first
        # One that ends just when it is asked: another one is asked.
        assert reader.process is not None
        os.kill(reader.process.pid, signal.SIGSTOP)

        async def end_it(pid: int) -> None:
            await trio.sleep(0.2)
            os.kill(pid, signal.SIGKILL)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(end_it, reader.process.pid)
            assert (await reader.ask("list")).status == 200
    finally:
        await reader.aclose()
    assert reader.process is None


async def test_a_process_that_ends_while_it_is_asked_is_told(tmp_path: Path) -> None:
    reader = Reader({"calls_db": None, "record_dir": 5})
    try:
        with pytest.raises(Unanswered):
            await reader.ask("list")
    finally:
        await reader.aclose()


def test_a_page_is_no_longer_than_it_may_be(tmp_path: Path) -> None:
    library = in_store(tmp_path, *(call(each) for each in range(210)))
    assert len(library.listed({"limit": "100000"})["calls"]) == 200
    assert len(library.listed({"limit": "-5"})["calls"]) == 1


def test_a_process_that_nobody_asks_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "IDLE_S", 0.05)
    ours, theirs = os.pipe()
    try:
        os.write(theirs, b"one\ntwo\nhal")
        assert list(process.lines_of(ours)) == [b"one", b"two"]
    finally:
        os.close(ours)
        os.close(theirs)
