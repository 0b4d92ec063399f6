"""A check's report as text for people and as JSON for machines."""

from collections.abc import Iterator

import click
import orjson
from attrs import asdict

from .report import Report

_COLOURS = {"warning": "yellow", "fault": "red", "note": "cyan"}
_WIDE = 42


def as_text(report: Report) -> str:
    """Lines for a terminal; the last one is the verdict."""
    return "\n".join(_lines(report))


def as_json(report: Report) -> str:
    """One object with the verdict, the findings, the settings and the tools."""
    content = {
        "ready": report.exit_code == 0,
        "verdict": report.verdict,
        "exit_code": report.exit_code,
        "findings": [asdict(finding) for finding in report.findings],
        "settings": [asdict(row) for row in report.settings],
        "tools": [
            {"name": tool.name, "kind": tool.kind.value, "source": tool.source}
            for tool in report.tools
        ],
    }
    return orjson.dumps(content, option=orjson.OPT_INDENT_2).decode()


def _lines(report: Report) -> Iterator[str]:
    for row in report.settings:
        line = f"{row.variable:<{_WIDE}}{row.value} {row.unit}".rstrip()
        yield click.style(line, dim=True) if row.is_default else line
    if report.settings:
        yield ""
        for tool in report.tools:
            # A name that is computed is known once the file runs.
            yield f"tool {tool.name or '(computed)'} ({tool.kind.value}, {tool.source})"
        yield ""
    for finding in report.findings:
        yield click.style(
            f"{finding.level}: {finding.subject}: {finding.text}",
            fg=_COLOURS.get(finding.level),
        )
    yield report.verdict
