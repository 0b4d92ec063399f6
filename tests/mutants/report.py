"""What came of it: a line per change, a table per room, and what was not noticed."""

from collections.abc import Mapping, Sequence
from difflib import unified_diff
from enum import Enum

from attrs import frozen
from typing_extensions import override

from .sample import Candidate


class Outcome(Enum):
    """What the tests said of a change."""

    NOTICED = "noticed"
    HUNG = "hung"
    SURVIVED = "survived"


@frozen
class Verdict:
    """One change, with the whole file before and after it."""

    room: str
    candidate: Candidate
    before: str
    after: str
    outcome: Outcome

    @override
    def __str__(self) -> str:
        where = f"{self.candidate.path}:{self.candidate.place.line}"
        return f"{self.outcome.value:9}{where}  {self.candidate.place.operator}"


def table(verdicts: Sequence[Verdict], possible: Mapping[str, int]) -> str:
    """Noticed of tried, by room and in all; a hang is noticed too."""
    head = (
        f"{'room':14}{'possible':>10}{'tried':>7}{'noticed':>9}{'hung':>6}{'score':>8}"
    )
    rows = [head, "-" * len(head)]
    for room, count in possible.items():
        rows.append(_row(room, count, [each for each in verdicts if each.room == room]))
    rows += ["-" * len(head), _row("all", sum(possible.values()), verdicts)]
    return "\n".join(rows)


def score(verdicts: Sequence[Verdict]) -> float:
    """The share that was noticed, in percent."""
    survived = sum(each.outcome is Outcome.SURVIVED for each in verdicts)
    return 100 * (1 - survived / len(verdicts)) if verdicts else 100


def survivors(verdicts: Sequence[Verdict]) -> str:
    """Each one that nobody noticed, with its difference."""
    parts: list[str] = []
    for verdict in verdicts:
        if verdict.outcome is Outcome.SURVIVED:
            lines = unified_diff(
                verdict.before.splitlines(),
                verdict.after.splitlines(),
                n=2,
                lineterm="",
            )
            parts.append("\n".join([f"\n{verdict}", *list(lines)[2:]]))
    return "\n".join(parts)


def _row(name: str, possible: int, verdicts: Sequence[Verdict]) -> str:
    hung = sum(each.outcome is Outcome.HUNG for each in verdicts)
    noticed = sum(each.outcome is not Outcome.SURVIVED for each in verdicts)
    return (
        f"{name:14}{possible:>10}{len(verdicts):>7}{noticed:>9}{hung:>6}"
        f"{score(verdicts):>7.1f}%"
    )
