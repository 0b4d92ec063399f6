"""Calls for people: a table, or everything of one; plain text where nobody looks."""

from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo

from attrs import asdict
from rich.console import Console
from rich.table import Table
from rich.text import Text

from trio_sts.record.finished_call import FinishedCall, Wait

_COLUMNS = (
    *("begun", "length", "caller", "called", "outcome", "turns"),
    *("worst wait", "USD", "uuid"),
)
_FROM_THE_RIGHT = {"length", "turns", "worst wait", "USD"}


def table(
    calls: Iterable[FinishedCall], zone: tzinfo | None, *, on_terminal: bool
) -> Iterator[str]:
    """The lines of a table of calls.

    On a terminal it is drawn and fits its width; elsewhere each line has fields with
    tabs between them, the first one their names.
    """
    if not on_terminal:
        yield "\t".join(_COLUMNS)
        for call in calls:
            yield "\t".join(_cells(call, zone))
        return
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for name in _COLUMNS:
        right = name in _FROM_THE_RIGHT
        # An id that is cut is of no use.
        whole = name in {"uuid", "begun", "USD"}
        drawn.add_column(
            name, justify="right" if right else "left", no_wrap=whole, overflow="fold"
        )
    for call in calls:
        # As text: no name of a caller is to be read as a style.
        drawn.add_row(*(Text(cell) for cell in _cells(call, zone)))
    yield _drawn(drawn)


def details(call: FinishedCall, zone: tzinfo | None) -> Iterator[str]:
    """Everything that the store knows of a call, a line for each."""
    tokens = asdict(call.tokens)
    lines: list[tuple[str, str]] = [
        ("uuid", call.uuid),
        ("begun", _time(call.begun_at, zone)),
        ("ended", _time(call.ended_at, zone)),
        ("length", _length(call.duration_s)),
        ("outcome", f"{call.outcome} (close code {call.close_code})"),
        ("caller", call.caller or ""),
        ("called", call.called or ""),
        ("model", call.model),
        ("turns", f"{call.turns}, {call.barge_ins} barge-ins, {call.keys} keys"),
        ("greeting", _wait(call.greeting)),
        ("answers", _wait(call.turn)),
        ("answers with tools", _wait(call.tool)),
        ("tokens", ", ".join(f"{_words(k)} {n}" for k, n in tokens.items() if n)),
        ("transcribed", f"{call.transcription_s:g} s" if call.transcription_s else ""),
        ("cost", f"{_cost(call)} USD" if _cost(call) else ""),
        ("no price for", ", ".join(call.cost.unpriced)),
        ("audio", f"{call.caller_audio_s:g} s heard, {call.agent_audio_s:g} s spoken"),
        ("dropped audio", f"{call.dropped_audio_ms} ms" * bool(call.dropped_audio_ms)),
        ("trouble", _trouble(call)),
        ("call file", call.files.call or ""),
        ("recording", call.files.recording or ""),
        ("transcript", call.files.transcript or ""),
        ("host", f"{call.host}, version {call.version}"),
    ]
    lines += [
        ("tool", f"{run.name}: {run.outcome}, {_seconds(run.duration_ms)}")
        for run in call.tools
    ]
    width = max(len(name) for name, _ in lines)
    return (f"{name:{width}}  {value}" for name, value in lines if value)


def _cells(call: FinishedCall, zone: tzinfo | None) -> tuple[str, ...]:
    return (
        _time(call.begun_at, zone),
        _length(call.duration_s),
        call.caller or "-",
        call.called or "-",
        call.outcome,
        str(call.turns),
        _seconds(call.worst_ms) if call.worst_ms else "-",
        _cost(call) or "-",
        call.uuid,
    )


def _time(at: datetime, zone: tzinfo | None) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def _length(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.2f} s"


def _cost(call: FinishedCall) -> str:
    if call.cost.usd is None:
        return ""
    more = "+" if call.cost.unpriced else ""
    return f"{call.cost.usd:.4f}{more}"


def _wait(wait: Wait) -> str:
    if wait.median_ms is None or wait.worst_ms is None:
        return ""
    if wait.count == 1:
        return f"after {_seconds(wait.worst_ms)}"
    median, worst = _seconds(wait.median_ms), _seconds(wait.worst_ms)
    return f"{wait.count}, after {median} (median), {worst} (worst)"


def _trouble(call: FinishedCall) -> str:
    counts = {
        "unfinished responses": call.unfinished_responses,
        "nudges": call.nudges,
        "retries": call.retries,
        "reconnects": call.reconnects,
    }
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _drawn(drawn: Table) -> str:
    console = Console()
    with console.capture() as captured:
        console.print(drawn)
    return captured.get().rstrip("\n")
