"""A real Prometheus that scrapes one service on the loopback."""

import re
import shutil
import socket
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from attrs import frozen

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "rules.yml"
_CONFIG = """
global: {{scrape_interval: 500ms, evaluation_interval: 1s}}
rule_files: ["{rules}"]
scrape_configs:
  - job_name: trio-sts
    authorization: {{credentials: "{token}"}}
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""
_STARTS_S, _STOPS_S = 20.0, 5.0
# The comparison that makes an expression an alert, at its end or before another one.
_COMPARISON = re.compile(r" [<>] [\d.]+(?= and sum|$)")


def program(name: str) -> str:
    """Where a program of Debian's package ``prometheus`` is; skips where it is not."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed (Debian's package prometheus)")
    return path


@frozen
class Prometheus:
    """It answers queries."""

    http: httpx.AsyncClient

    async def get(self, path: str, **params: str) -> Any:
        """The data of an answer."""
        answer = await self.http.get(f"/api/v1/{path}", params=params)
        told = answer.json()
        assert told["status"] == "success", (params, told)
        return told["data"]

    async def query(self, expression: str) -> list[Any]:
        """The samples that an expression has now."""
        found: list[Any] = (await self.get("query", query=expression))["result"]
        return found

    async def until(self, expression: str, within_s: float = _STARTS_S) -> None:
        """Wait until an expression has a sample."""
        with trio.fail_after(within_s):
            # It tells nobody when it has scraped.
            while not await self.query(expression):  # noqa: ASYNC110
                await trio.sleep(0.1)

    async def alerts(self) -> dict[str, str]:
        """The expression of each alert, without what it is compared with."""
        groups = (await self.get("rules"))["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        return {rule["name"]: _COMPARISON.sub("", rule["query"]) for rule in rules}


@asynccontextmanager
async def scraping(
    folder: Path, port: int, token: str
) -> AsyncGenerator[Prometheus, None]:
    """Run one with our rules, that scrapes this port twice a second."""
    config = folder / "prometheus.yml"
    config.write_text(_CONFIG.format(rules=RULES, token=token, port=port))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{free.getsockname()[1]}"
    command = [
        program("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address={where}",
        "--log.level=error",
    ]
    async with trio.open_nursery() as nursery:
        process = await trio.lowlevel.open_process(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            async with httpx.AsyncClient(base_url=f"http://{where}") as http:
                await _listens(http)
                yield Prometheus(http)
        finally:
            process.terminate()
            with trio.move_on_after(_STOPS_S, shield=True):
                await process.wait()
        nursery.cancel_scope.cancel(reason="the test is over")


async def _listens(http: httpx.AsyncClient) -> None:
    with trio.fail_after(_STARTS_S):
        while True:
            try:
                if (await http.get("/-/ready")).is_success:
                    return
            except httpx.TransportError:
                pass
            await trio.sleep(0.1)
