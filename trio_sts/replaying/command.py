"""``trio-sts replay``: verify a call, tell it, look at a moment of it."""

import sys
from pathlib import Path
from typing import Any, Final

import click
import orjson
from rich.console import Console
from rich.text import Text

from .commands_told import tell_command
from .inputs_told import tell_input
from .moment import as_lines, moment
from .reading import Unreadable
from .replay import Pass
from .report import (
    DIFFERS,
    SAME,
    UNREADABLE,
    Replayed,
    as_json,
    as_line,
    conclusion,
    heading,
    sum_up,
)
from .timeline import Entry, Timeline
from .verify import FileReplay

_STYLES: Final = {
    "caller": "cyan",
    "agent": "green",
    "model": "blue",
    "tool": "magenta",
    "silence": "yellow",
    "note": "red",
    "clock": "dim",
    "call": "bold",
}


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--at",
    "at_s",
    type=click.FloatRange(min=0),
    metavar="S",
    help="Show what was known S seconds after the call was opened.",
)
@click.option(
    "--json", "is_json", is_flag=True, help="JSON instead of text: one object a line."
)
def replay(path: Path, *, at_s: float | None, is_json: bool) -> None:
    """Hold a recorded call again, and compare what is asked for.

    PATH is a call file of STS_RECORD_DIR, which is shown as a timeline, or a folder of
    them, which is summed up. Exit code 0 if all is the same as it was, 1 if something
    differs, 2 if a file cannot be read.
    """
    if path.is_dir():
        if at_s is not None:
            raise click.UsageError("--at needs a file.")
        sys.exit(_folder(path, is_json=is_json))
    try:
        code = (
            _file(path, is_json=is_json) if at_s is None else _at(path, at_s, is_json)
        )
    except Unreadable as exc:
        click.echo(f"{path} cannot be replayed: {exc}", err=True)
        code = UNREADABLE
    sys.exit(code)


def _file(path: Path, *, is_json: bool) -> int:
    replayed = run(path)
    if is_json:
        _echo_json(as_json(replayed))
    else:
        click.echo(heading(replayed))
        show = _terminal() if sys.stdout.isatty() else _plain
        for entry in replayed.timeline.sorted():
            show(entry)
        for line in conclusion(replayed):
            click.echo(line)
    return SAME if replayed.verdict.same else DIFFERS


def run(path: Path) -> Replayed:
    """Replay a file to its end, and follow what happens.

    Raises:
        Unreadable: It is no call file, or one of a newer program.
    """
    replay = FileReplay.open(path)
    head = replay.reader.head
    timeline = Timeline(replay.replay.core, head.started_at, head.keeps_text)
    for each in replay.run():
        if isinstance(each, Pass):
            timeline.begin_pass(each)
            tell_input(timeline, each.input)
            for command in each.commands:
                tell_command(timeline, command)
            if each.failure:
                timeline.add("call", f"this program fails here: {each.failure}")
            timeline.end_pass(each.at)
        else:
            timeline.noted(each)
    return Replayed(path, head, replay.verdict, timeline)


def _at(path: Path, at_s: float, is_json: bool) -> int:
    replay = FileReplay.open(path)
    begins = replay.reader.head.started_at
    now = begins + at_s
    for _ in replay.run(until=now):
        pass
    state = moment(replay.replay.core, now, begins)
    if is_json:
        _echo_json(state)
    else:
        click.echo("\n".join(as_lines(state)))
    return SAME if replay.verdict.same else DIFFERS


def _folder(folder: Path, *, is_json: bool) -> int:
    results: list[tuple[Path, Replayed | str]] = []
    for path in sorted(folder.glob("*.call")):
        result: Replayed | str
        try:
            result = run(path)
        except Unreadable as exc:
            result = str(exc)
        results.append((path, result))
        _tell(path, result, is_json=is_json)
    told, code = sum_up(results)
    if not results:
        click.echo(f"{folder} holds no call file", err=True)
        return UNREADABLE
    if not is_json:
        click.echo(told)
    return code


def _tell(path: Path, result: Replayed | str, *, is_json: bool) -> None:
    if is_json:
        unreadable = {"file": str(path), "unreadable": result}
        _echo_json(unreadable if isinstance(result, str) else as_json(result))
    elif isinstance(result, str):
        click.echo(f"unreadable  {path.name}: {result}")
    else:
        verdict = result.verdict
        word = "same" if verdict.same else "DIFFERS"
        outcome = verdict.summary.get("outcome") or "no last line"
        click.echo(f"{word:<11} {path.name}: {verdict.until:.1f} s, {outcome}")
        if not verdict.same:
            for line in conclusion(result)[1:]:
                click.echo(f"            {line}")


def _plain(entry: Entry) -> None:
    click.echo(as_line(entry))


def _terminal() -> Any:
    console = Console(highlight=False, soft_wrap=True)

    def show(entry: Entry) -> None:
        line = Text(as_line(entry))
        line.stylize(_STYLES.get(entry.who, ""))
        console.print(line)

    return show


def _echo_json(told: dict[str, Any]) -> None:
    click.echo(orjson.dumps(told).decode())
