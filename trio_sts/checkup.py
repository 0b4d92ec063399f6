"""What ``check`` and ``healthcheck`` tell an operator."""

from collections.abc import Mapping

import httpx
from rich.console import Console
from rich.table import Table

from trio_sts.audio import engine
from trio_sts.settings import Settings, effective, retirements
from trio_sts.tools.listing import list_tools

_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104


def show_check(
    settings: Settings, warnings: tuple[str, ...], environ: Mapping[str, str]
) -> None:
    """Print the effective settings, warnings, retirement dates and tools."""
    console = Console(highlight=False)
    table = Table("variable", "value", "unit", box=None)
    for row in effective(settings):
        style = "dim" if row.is_default else ""
        table.add_row(row.variable, row.value, row.unit, style=style)
    console.print(table)
    listing = list_tools(settings.tools_dir, environ)
    tools = Table("tool", "kind", "from", box=None)
    for tool in listing.tools:
        tools.add_row(tool.name, tool.kind, tool.source)
    console.print()
    console.print(tools)
    problems = (*warnings, *engine.WARNINGS, *retirements(settings), *listing.problems)
    for line in problems:
        console.print(f"warning: {line}", style="yellow", markup=False)


def is_healthy(settings: Settings, timeout_s: float) -> bool:
    """Whether the service on this machine answers ``GET /healthz`` in time."""
    host = _EVERY_ADDRESS.get(settings.host, settings.host)
    try:
        answer = httpx.get(
            f"http://{host}:{settings.port}/healthz", timeout=timeout_s, trust_env=False
        )
    except httpx.HTTPError:
        return False
    return answer.is_success
