"""``trio-sts calls``: what an operator sees of the calls that were."""

import gzip
import json
import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from attrs import define
from click.testing import CliRunner, Result

from tests.record.kit import BEGUN_AT, finished
from tests.system.test_process import environment
from trio_sts.callstore.store import CallStore
from trio_sts.cli import main
from trio_sts.record.finished_call import Files, FinishedCall, Wait, as_json, from_json
from trio_sts.record.prices import Cost


@define
class Desk:
    """A folder with a store in it, and the command line."""

    folder: Path
    environ: Mapping[str, str]

    def run(self, *arguments: str, **environ: str) -> Result:
        given = {**self.environ, **environ}
        return CliRunner().invoke(main, ["calls", *arguments], env=given)

    def lines(self, *arguments: str) -> list[str]:
        result = self.run(*arguments)
        assert result.exit_code == 0, result.output
        return result.stdout.splitlines()

    def add(self, *calls: FinishedCall) -> None:
        store = CallStore.open(self.environ["STS_CALLS_DB"])
        store.add(calls)
        store.close()


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("STS_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    return Desk(tmp_path, {"STS_CALLS_DB": "sqlite:///calls.db", "TZ": "Europe/Rome"})


def test_in_a_pipe_the_fields_have_tabs_between_them(desk: Desk) -> None:
    desk.add(finished())
    names, call = (line.split("\t") for line in desk.lines("list"))
    assert dict(zip(names, call, strict=True)) == {
        "begun": "2026-11-25 11:30:00",
        "length": "1:01",
        "caller": "+49 (30) 123-456",
        "called": "5001",
        "outcome": "hung up by the agent",
        "turns": "1",
        "worst wait": "3.00 s",
        "USD": "0.2452+",
        "uuid": "call-1",
    }


def test_on_a_terminal_it_is_a_table_that_shows_ids_whole(desk: Desk) -> None:
    uuid = "0f9a3c54-8e0e-4b9b-9d43-6e1c58a0c7d1"
    desk.add(finished(uuid=uuid, caller="[bold]Ann[/bold]"))
    ours, theirs = pty.openpty()
    try:
        process = subprocess.run(
            [sys.executable, "-m", "trio_sts", "calls", "list"],
            stdout=theirs,
            cwd=desk.folder,
            env={**environment(**desk.environ), "COLUMNS": "120", "TERM": "xterm"},
            check=True,
        )
        shown = os.read(ours, 100_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert process.returncode == 0
    assert uuid in shown
    assert "\t" not in shown
    assert "[bold]An" in shown


@pytest.mark.parametrize(
    ("options", "uuids"),
    [
        ((), ["late", "early"]),
        (("--limit", "1"), ["late"]),
        (("--number", "4930 123456"), ["early"]),
        (("--since", "2026-11-25 12:00"), ["late"]),
        (("--since", "2026-11-25T11:00+00:00"), ["late"]),
        (("--outcome", "transferred"), ["late"]),
        (("--slower-than", "5"), ["late"]),
        (("--dearer-than", "0.5"), ["late"]),
        (("--dearer-than", "5"), []),
    ],
)
def test_options_say_which_calls_are_listed(
    desk: Desk, options: tuple[str, ...], uuids: list[str]
) -> None:
    desk.add(
        finished(uuid="early"),
        finished(
            uuid="late",
            begun_at=BEGUN_AT + timedelta(hours=1),
            caller="100",
            outcome="transferred",
            turn=Wait(1, 9000, 9000),
            cost=Cost(1.5),
        ),
    )
    listed = [line.split("\t")[-1] for line in desk.lines("list", *options)[1:]]
    assert listed == uuids
    found = json.loads(desk.run("list", "--json", *options).stdout)
    assert [call["uuid"] for call in found] == uuids


def test_a_moment_that_cannot_be_read_is_a_fault_of_usage(desk: Desk) -> None:
    result = desk.run("list", "--since", "last tuesday")
    assert result.exit_code == 2
    assert "90m, 24h or 7d" in result.output


def test_show_tells_everything_and_json_gives_it_back(desk: Desk) -> None:
    call = finished()
    desk.add(call)
    lines = desk.lines("show", "call-1")
    text = "\n".join(lines)
    for told in (
        "4, after 0.81 s (median), 2.40 s (worst)",
        "look_up: ok, 1.23 s",
        "avr_hangup: failed, 0.04 s",
        "/records/a.wav",
        "our-own",
        "cached audio 500",
    ):
        assert told in text
    (shown,) = json.loads(desk.run("show", "call-1", "--json").stdout)
    assert from_json(shown) == call


def test_a_call_that_is_not_there_is_exit_1(desk: Desk) -> None:
    desk.add(finished())
    result = desk.run("show", "call-9")
    assert result.exit_code == 1
    assert "no call 'call-9'" in result.stderr


def test_export_writes_a_line_for_each_call(desk: Desk) -> None:
    calls = [finished(uuid=f"call-{number}") for number in range(300)]
    desk.add(*calls)
    lines = desk.lines("export")
    assert {from_json(json.loads(line)) for line in lines} == {*calls}
    assert desk.lines("export", "--number", "555") == []


def test_without_a_store_it_says_what_is_missing(desk: Desk) -> None:
    result = desk.run("list", STS_CALLS_DB="")
    assert result.exit_code == 2
    assert "STS_CALLS_DB is not set" in result.stderr


@pytest.mark.parametrize("arguments", [("list",), ("show", "x"), ("export",)])
def test_a_store_that_is_away_is_exit_1_without_the_password(
    desk: Desk, arguments: tuple[str, ...]
) -> None:
    url = "postgresql://sts:hush-hush@127.0.0.1:1/calls"
    result = desk.run(*arguments, STS_CALLS_DB=url)
    assert result.exit_code == 1
    assert "the store of calls is away" in result.stderr
    assert "hush-hush" not in result.output


def test_faulty_settings_are_exit_2_and_no_key_is_needed(desk: Desk) -> None:
    result = desk.run("list", STS_CALLS_DB="mysql://root:hush-hush@db/calls")
    assert result.exit_code == 2
    assert "STS_CALLS_DB" in result.stderr
    assert "hush-hush" not in result.output


def test_all_help_needs_no_database_library() -> None:
    script = (
        "import sys\nfrom click.testing import CliRunner\n"
        "from trio_sts.cli import main\n"
        "for words in (['--help'], ['calls', '--help']):\n"
        "    assert CliRunner().invoke(main, words).exit_code == 0\n"
        "assert not {'sqlalchemy', 'psycopg'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def spool_entry(folder: Path, sink: str, name: str, body: object) -> Path:
    own = folder / "records" / "spool" / sink / "a-process"
    own.mkdir(parents=True, exist_ok=True)
    (own / "lock").touch()
    path = own / f"000000000000001-{name}.json"
    path.write_text(json.dumps(body))
    return path


def call_file(folder: Path, uuid: str, caller: str) -> Path:
    path = folder / "records" / f"20261125T103000.000000Z-{uuid}.call"
    lines = [
        {"format": 1, "call": uuid},
        {"note": "numbers", "at": 1, "caller": caller},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    path.write_bytes(gzip.compress(text.encode()))
    path.with_suffix(".wav").write_bytes(b"RIFF")
    return path


def everything(folder: Path) -> str:
    files = [path for path in folder.rglob("*") if path.is_file()]
    contents = b"".join(path.read_bytes() for path in files)
    packed = [gzip.decompress(path.read_bytes()) for path in folder.rglob("*.call")]
    return (contents + b"".join(packed)).decode(errors="replace") + str(files)


@pytest.fixture
def kept(desk: Desk) -> Desk:
    """Everything that may be kept of a caller, and of another one."""
    (desk.folder / "records").mkdir()
    (desk.folder / "words").mkdir()
    for uuid, caller in (("call-1", "+49 30 5550-1"), ("call-2", "100")):
        record = call_file(desk.folder, uuid, caller)
        words = desk.folder / "words" / f"20261125T103000.1Z-{uuid}.jsonl"
        words.write_text(f"words of {uuid}")
        files = Files(call=str(record), transcript=str(words))
        # One whose number is in no note of a file, as with STS_RECORD_TEXT=off.
        bare = desk.folder / "records" / f"20261125T113000.000000Z-{uuid}-off.call"
        bare.write_bytes(gzip.compress(b'{"format": 1}\n'))
        desk.add(
            finished(uuid=uuid, caller=caller, files=files),
            finished(
                uuid=f"{uuid}-off",
                caller=caller,
                called="5001",
                files=Files(call=str(bare)),
            ),
        )
        waits = finished(uuid=f"{uuid}-waits", caller=caller, files=Files())
        spool_entry(desk.folder, "calls", waits.id, as_json(waits))
        spool_entry(desk.folder, "webhook", waits.id, {"data": {"uuid": waits.uuid}})
        spool_entry(desk.folder, "webhook", f"{uuid}x", {"data": {"caller": caller}})
        # No row knows of these.
        call_file(desk.folder, f"{uuid}-unknown", caller)
        unknown = desk.folder / "words" / f"20261125T103000.1Z-{uuid}-unknown.jsonl"
        unknown.write_text(f"words of {uuid}-unknown")
    folders = {
        "STS_RECORD_DIR": str(desk.folder / "records"),
        "STS_TRANSCRIPT_DIR": str(desk.folder / "words"),
    }
    return Desk(desk.folder, {**desk.environ, **folders})


def test_forget_removes_all_of_a_caller_and_nothing_of_others(kept: Desk) -> None:
    before = set(kept.folder.rglob("*call-2*"))
    result = kept.run("forget", "--number", "0049305550-1".removeprefix("00"), "--yes")
    assert result.exit_code == 0, result.output
    left = everything(kept.folder)
    for told in ("5550-1", "493055501", "call-1"):
        assert told not in left
    assert set(kept.folder.rglob("*call-2*")) == before
    assert len(kept.lines("export")) == 2
    assert "removed: 2 calls of the store" in result.stdout
    assert "3 of them of calls that waited" in result.stdout
    again = kept.run("forget", "--number", "+49305550-1", "--yes")
    assert again.stdout == "nothing is kept of this number\n"


def test_forget_without_a_store_removes_files(kept: Desk) -> None:
    (kept.folder / "calls.db").unlink()
    result = kept.run("forget", "--number", "49 30 55501", "--yes", STS_CALLS_DB="")
    assert result.exit_code == 0, result.output
    left = {path.name for path in kept.folder.rglob("*call-1*")}
    # Its number is nowhere, and no store says whose it is.
    assert left == {"20261125T113000.000000Z-call-1-off.call"}


def test_forget_leaves_calls_to_the_number_unless_they_are_wanted(kept: Desk) -> None:
    assert "nothing is kept" in kept.run("forget", "--number", "5001", "--yes").stdout
    result = kept.run("forget", "--number", "5001", "--called", "--yes")
    assert "removed: 4 calls" in result.stdout


def test_forget_asks_nobody_where_nobody_is(kept: Desk) -> None:
    result = kept.run("forget", "--number", "100")
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert len(kept.lines("export")) == 4


@pytest.mark.parametrize("number", ["", "+", " - "])
def test_forget_needs_a_number(kept: Desk, number: str) -> None:
    result = kept.run("forget", "--number", number, "--yes")
    assert result.exit_code == 2
    assert len(kept.lines("export")) == 4


def test_forget_names_files_that_are_not_here(desk: Desk) -> None:
    desk.add(finished(files=Files(call="/on/another/host.call")))
    result = desk.run("forget", "--number", "4930123456", "--yes")
    assert result.exit_code == 0
    assert "/on/another/host.call" in result.stderr
    assert "removed: 1 calls" in result.stdout
