"""What a check finds, whoever it is shown to."""

from typing import Literal

from attrs import frozen

from trio_sts.settings import EffectiveRow
from trio_sts.tools.ranks import ListedTool

Level = Literal["ok", "note", "warning", "fault"]


@frozen
class Finding:
    """One line about one subject.

    Attributes:
        subject: ``settings``, ``model``, ``endpoint``, ``store``, ``ari``,
            ``transcription``, ``prices``, ``prompt``, ``tools`` or ``installation``.
        level: A ``warning`` will not work as expected, a ``fault`` keeps the service
            from starting.
        text: In a sentence, without secrets.
    """

    subject: str
    level: Level
    text: str


@frozen
class Report:
    """All findings, the settings as they are understood, and the tools.

    Attributes:
        starts_with_others: The service starts in spite of the faults: it takes the
            nearest value of each such setting, or its default.
    """

    findings: tuple[Finding, ...]
    settings: tuple[EffectiveRow, ...] = ()
    tools: tuple[ListedTool, ...] = ()
    starts_with_others: bool = False

    @property
    def exit_code(self) -> int:
        """0 ready, 1 something will not work as expected, 2 a setting is faulty."""
        levels = {finding.level for finding in self.findings}
        return 2 if "fault" in levels else int("warning" in levels)

    @property
    def verdict(self) -> str:
        """One line that begins with "ready" or "not ready"."""
        match self.exit_code:
            case 0:
                return "ready"
            case 1:
                count = sum(each.level == "warning" for each in self.findings)
                things = "1 thing" if count == 1 else f"{count} things"
                return f"not ready: it starts, but {things} will not work as expected"
            case _ if self.starts_with_others:
                return "not ready: it starts, but with other values than these"
            case _:
                return "not ready: it will not start"


def refusal(faults: tuple[str, ...], *, starts: bool) -> Report:
    """The report of settings that cannot be used.

    Args:
        faults: One line for each.
        starts: Whether the service starts all the same.
    """
    findings = tuple(Finding("settings", "fault", fault) for fault in faults)
    return Report(findings, starts_with_others=starts)
