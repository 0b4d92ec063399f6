"""What `trio-sts replay` says: for people, and for machines."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, cast

import orjson
from attrs import asdict, frozen

from trio_sts import __version__

from .reading import Head
from .timeline import Entry, Timeline
from .verify import Difference, Verdict

_CONTEXT: Final = 5
_COMMAND_CHARS: Final = 400
SAME, DIFFERS, UNREADABLE = 0, 1, 2


@frozen
class Replayed:
    """One file, replayed to its end."""

    path: Path
    head: Head
    verdict: Verdict
    timeline: Timeline


def timeline_rows(replayed: Replayed) -> Iterator[Entry]:
    """What happened, in the order of time."""
    yield from replayed.timeline.sorted()


def heading(replayed: Replayed) -> str:
    """Which call it is."""
    head, verdict = replayed.head, replayed.verdict
    return (
        f"Call {head.call}, opened {head.opened}, {verdict.until:.1f} s, "
        f"held by trio-sts {head.program}"
    )


def conclusion(replayed: Replayed) -> list[str]:
    """How the replay compares, and how far the file goes."""
    verdict, timeline = replayed.verdict, replayed.timeline
    counted = ", ".join(f"{rule} {n}" for rule, n in timeline.rules.most_common())
    lines = [f"Rules that the clock woke: {counted or 'none'}."]
    lines += _how_far(verdict)
    if verdict.same:
        lines.append(
            f"Replayed by trio-sts {__version__}: {verdict.passes} passes, and all that "
            "was asked for is the same."
        )
        return lines
    return lines + _difference(replayed)


def _how_far(verdict: Verdict) -> list[str]:
    if verdict.is_whole and not verdict.broken:
        return []
    why = verdict.broken or "the call was not over when the process ended, or goes on"
    return [f"The file ends at {verdict.until:.3f} s without its last line: {why}."]


def _difference(replayed: Replayed) -> list[str]:
    verdict = replayed.verdict
    found = verdict.difference
    by = f"trio-sts {__version__}"
    if found is None:
        return [f"A digest differs, and no command does: the file was changed? ({by})"]
    lines = [f"DIFFERS at {found.at:.3f} s: {by} asks for something else."]
    recorded, now = first_differing(found)
    if found.passed is None:
        lines.append("  The clock is awaited for another time or rule.")
    else:
        lines.append(f"  after:    {_cut(repr(found.passed.input))}")
    lines += [f"  recorded: {recorded}", f"  now:      {now}"]
    before = [e for e in replayed.timeline.sorted() if e.at < found.at][-_CONTEXT:]
    if before:
        lines.append("  before that:")
        lines += [f"    {as_line(entry)}" for entry in before]
    return lines


def first_differing(found: Difference) -> tuple[str, str]:
    """The first command that differs: as it was recorded, and as it is now."""
    if found.passed is None:
        return _json(found.recorded), _json(found.now)
    recorded, now = _listed(found.recorded), _listed(found.now)
    for place in range(max(len(recorded), len(now))):
        then = recorded[place] if place < len(recorded) else None
        here = now[place] if place < len(now) else None
        if then != here:
            return _command(then), _command(here)
    return _json(found.recorded), _json(found.now)


def _listed(out: object) -> list[object]:
    """A column's entry as a list of commands."""
    if isinstance(out, list):
        return cast("list[object]", out)
    return [out] if out else []


def _command(out: Any) -> str:
    if out is None:
        return "nothing more"
    if isinstance(out, int):
        to = "the model" if out > 0 else "the caller"
        return f"{abs(out)} bytes of audio to {to}"
    return _json(out)


def _json(value: Any) -> str:
    return _cut(orjson.dumps(value).decode())


def _cut(text: str) -> str:
    return text if len(text) <= _COMMAND_CHARS else f"{text[:_COMMAND_CHARS]}…"


def as_line(entry: Entry) -> str:
    """An entry, without a colour."""
    rule = f"  [rule: {entry.rule}]" if entry.rule else ""
    return f"{entry.at:9.3f}  {entry.who:<8} {entry.what}{rule}"


def as_json(replayed: Replayed) -> dict[str, Any]:
    """The same for machines."""
    head, verdict = replayed.head, replayed.verdict
    told: dict[str, Any] = {
        "file": str(replayed.path),
        "call": head.call,
        "opened": head.opened,
        "program": head.program,
        "replayed_by": __version__,
        "text": head.keeps_text,
        "same": verdict.same,
        "passes": verdict.passes,
        "until_s": round(verdict.until, 3),
        "whole": verdict.is_whole,
        "broken": verdict.broken,
        "rules": dict(replayed.timeline.rules),
        "timeline": [asdict(each) for each in replayed.timeline.sorted()],
        "summary": verdict.summary,
    }
    found = verdict.difference
    if found is not None:
        recorded, now = first_differing(found)
        told["difference"] = {"at_s": found.at, "recorded": recorded, "now": now}
    return told


def sum_up(results: Sequence[tuple[Path, Replayed | str]]) -> tuple[str, int]:
    """A folder in one line, and the exit code."""
    read = [each for _, each in results if isinstance(each, Replayed)]
    differing = sum(not each.verdict.same for each in read)
    cut = sum(not each.verdict.is_whole for each in read)
    unreadable = len(results) - len(read)
    told = (
        f"{len(results)} files: {len(read) - differing} the same, {differing} differ, "
        f"{unreadable} unreadable; {cut} without their last line"
    )
    code = DIFFERS if differing else UNREADABLE if unreadable else SAME
    return told, code
