"""What `trio-sts replay` says of files that are whole, cut, changed or no call files."""

import gzip
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from tests.planted import FAULTS
from trio_sts.conversation.reactions import EVENTS
from trio_sts.replaying.command import replay
from trio_sts.wire.realtime.events import SpeechStopped

from .files import lines_of, staged, talk, write


def said(*arguments: object) -> Result:
    return CliRunner().invoke(replay, [str(each) for each in arguments])


@pytest.fixture(name="lines")
def _lines() -> list[bytes]:
    stage = staged()
    talk(stage)
    return lines_of(stage)


def test_a_call_is_told_and_is_the_same(lines: list[bytes], tmp_path: Path) -> None:
    result = said(write(tmp_path / "a.call", lines))
    assert result.exit_code == 0, result.output
    for told in (
        "caller   said, as it was transcribed: “What is the weather?”",
        "caller   interrupts the agent, who falls silent (by: speech)",
        "agent    was heard to 940 ms of i1, and no further",
        "agent    was heard saying (0.9 s): “It is”",
        "tool     look_up runs with “{}”",
        'tool     look_up has answered after 2.25 s: “{"degrees": 21}”',
        "a tool runs: look_up",
        "and all that was asked for is the same",
    ):
        assert told in result.output


def test_every_line_has_its_time_and_they_are_in_order(
    lines: list[bytes], tmp_path: Path
) -> None:
    told = orjson.loads(said(write(tmp_path / "a.call", lines), "--json").output)
    times = [entry["at"] for entry in told["timeline"]]
    assert times == sorted(times)
    assert told["same"] is True
    assert told["whole"] is True


def test_without_texts_it_is_the_same_call(tmp_path: Path) -> None:
    stage = staged()
    talk(stage)
    path = write(tmp_path / "a.call", lines_of(stage, keeps_text=False))
    result = said(path)
    assert result.exit_code == 0
    assert "weather" not in result.output
    assert "(20 characters, not kept)" in result.output
    assert b"weather" not in gzip.decompress(path.read_bytes())


def test_a_moment_is_shown(lines: list[bytes], tmp_path: Path) -> None:
    path = write(tmp_path / "a.call", lines)
    told = orjson.loads(said(path, "--at", "2.7", "--json").output)
    assert told["if_silent"] == "a tool runs: look_up"
    assert [tool["name"] for tool in told["tools"]] == ["look_up"]
    assert told["agent"]["audible"] is False
    early = orjson.loads(said(path, "--at", "1.5", "--json").output)
    assert early["agent"]["audible"] is True
    assert "active answer: r1" in said(path, "--at", "1.5").output


def test_a_file_without_its_last_line_is_told_as_far_as_it_goes(
    lines: list[bytes], tmp_path: Path
) -> None:
    result = said(write(tmp_path / "a.call", lines[:-1]))
    assert result.exit_code == 0
    assert "without its last line" in result.output


def test_a_file_may_end_at_any_byte(lines: list[bytes], tmp_path: Path) -> None:
    whole = write(tmp_path / "a.call", lines).read_bytes()
    first = len(gzip.compress(lines[0] + b"\n"))
    cut = tmp_path / "cut.call"
    for end in range(first, len(whole), 37):
        cut.write_bytes(whole[:end])
        result = said(cut)
        assert result.exit_code == 0, (end, result.output)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no gzip",
        gzip.compress(b"no JSON\n"),
        gzip.compress(b"[1]\n"),
        b"\x1f\x8b",
    ],
    # The time is in what gzip writes.
    ids=["empty", "no gzip", "no JSON", "no object", "cut short"],
)
def test_what_is_no_call_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.call"
    path.write_bytes(content)
    result = said(path)
    assert result.exit_code == 2
    assert "cannot be replayed" in result.output


def test_a_newer_format_is_refused_in_plain_words(
    lines: list[bytes], tmp_path: Path
) -> None:
    first = orjson.dumps({**orjson.loads(lines[0]), "format": 2})
    result = said(write(tmp_path / "a.call", [first, *lines[1:]]))
    assert result.exit_code == 2
    assert "format 2, and this version reads up to 1" in result.output


def test_another_program_is_told_the_first_command_that_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = staged()
    talk(stage)
    stage.speech_started()
    stage.speech_stopped()
    stage.advance(40)
    path = write(tmp_path / "a.call", lines_of(stage, program="0.0.9"))
    assert said(path).exit_code == 0
    FAULTS["dead air leads to nothing"].plant(monkeypatch)
    result = said(path)
    assert result.exit_code == 1
    assert "held by trio-sts 0.0.9" in result.output
    assert "DIFFERS at" in result.output
    assert "recorded:" in result.output
    assert "before that:" in result.output
    told = orjson.loads(said(path, "--json").output)
    assert "dead air" in told["difference"]["recorded"]


def test_a_program_that_fails_at_an_input_is_told_to(
    lines: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.call", lines)

    def fail(*_: object) -> None:
        raise KeyError("no such thing")

    monkeypatch.setitem(EVENTS, SpeechStopped, (fail,))
    result = said(path)
    assert result.exit_code == 1
    assert "call     this program fails here: KeyError" in result.output
    assert '{"is":"Crash","error":"KeyError"}' in result.output


def test_a_changed_digest_is_noticed(lines: list[bytes], tmp_path: Path) -> None:
    told = orjson.loads(lines[2])
    told["digest"] = "0" * 16
    changed = [*lines[:2], orjson.dumps(told), *lines[3:]]
    assert said(write(tmp_path / "a.call", changed)).exit_code == 1


def test_a_folder_is_summed_up(lines: list[bytes], tmp_path: Path) -> None:
    write(tmp_path / "a.call", lines)
    write(tmp_path / "b.call", lines[:-1])
    assert said(tmp_path).exit_code == 0
    (tmp_path / "c.call").write_bytes(b"nonsense")
    result = said(tmp_path)
    assert result.exit_code == 2
    assert "3 files: 2 the same, 0 differ, 1 unreadable" in result.output
    told = orjson.loads(lines[2])
    told["digest"] = "0" * 16
    write(tmp_path / "d.call", [*lines[:2], orjson.dumps(told)])
    assert said(tmp_path).exit_code == 1


def test_a_folder_without_a_call_is_said_to_be_one(tmp_path: Path) -> None:
    assert said(tmp_path).exit_code == 2


def test_what_a_terminal_would_obey_is_not_shown(tmp_path: Path) -> None:
    stage = staged()
    stage.committed("u1")
    stage.caller_said("u1", "a\x1b[2Jb")
    result = said(write(tmp_path / "a.call", lines_of(stage)))
    assert "\x1b" not in result.output


def test_the_program_knows_the_command() -> None:
    from trio_sts.cli import main  # noqa: PLC0415

    result = CliRunner().invoke(main, ["replay", "--help"])
    assert result.exit_code == 0
    assert "Hold a recorded call again" in result.output
