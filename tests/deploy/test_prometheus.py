"""The rules and the board, against a real Prometheus and calls that are really held."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from tests.peers.model import scripted_model
from tests.system.service import serving
from tests.system.test_metrics import LOOKUP, speaking, with_a_tool_and_a_barge_in

from . import operations
from .prometheus import DEPLOY, RULES, program, scraping

BOARD = DEPLOY / "grafana" / "dashboard.json"
TESTS = DEPLOY / "prometheus" / "rules_test.yml"
TOKEN = "s3cret-for-the-port"


def queries() -> dict[str, str]:
    """The expressions of the board, by panel, as Grafana would send them."""
    found: dict[str, str] = {}
    panels: list[dict[str, Any]] = json.loads(BOARD.read_text())["panels"]
    for panel in panels:
        for target in panel.get("targets", []):
            expr = target["expr"].replace("$__rate_interval", "1m")
            name = f"{panel['title']} {target['refId']}"
            assert name not in found
            found[name] = expr.replace("$instance", ".*")
    return found


def test_the_rules_do_what_their_tests_say() -> None:
    checked = subprocess.run(
        [program("promtool"), "test", "rules", TESTS],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_alert_has_a_test_and_a_text() -> None:
    rules = RULES.read_text()
    alerts = re.findall(r"- alert: (\w+)", rules)
    assert len(alerts) == len({*alerts}) >= 15
    assert all(alert in TESTS.read_text() for alert in alerts)
    for word in ("expr:", "severity:", "summary:", "description:"):
        assert rules.count(word) == len(alerts)


def test_the_board_has_one_place_for_each_panel() -> None:
    board = json.loads(BOARD.read_text())
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        place = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not place & taken
        assert at["x"] + at["w"] <= 24
        taken |= place


async def test_every_query_of_the_rules_and_the_board_has_data(tmp_path: Path) -> None:
    program("prometheus")
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "lookup.py").write_text(LOOKUP)
    environ = {
        "TOOLS_DIR": str(tools),
        "STS_TOKEN": TOKEN,
        "STS_MAX_CALLS": "10",
        "STS_RECORD_DIR": str(tmp_path / "records"),
    }
    async with (
        scripted_model() as model,
        serving(model.base_url, **environ) as service,
        scraping(tmp_path, service.port, TOKEN) as prometheus,
    ):
        await prometheus.until('up{job="trio-sts"} == 1')
        service.url += f"/?token={TOKEN}"
        for number in range(3):
            async with speaking(service, model, f"call-{number}") as (core, session):
                await with_a_tool_and_a_barge_in(core, session)
                await core.hang_up()
        async with speaking(service, model, "stays") as (core, session):
            limit = {"name": "tokens", "limit": 1000, "remaining": 400}
            await session.send("rate_limits.updated", rate_limits=[limit])
            await prometheus.until("trio_sts_rate_limit_remaining_ratio")
            # Of what is counted per call and per tool there are two scrapes.
            await prometheus.until("rate(trio_sts_tool_seconds_count[1m])")
            await prometheus.until("increase(trio_sts_calls_total[1m]) > 0")
            alerts = await prometheus.alerts()
            assert len(alerts) >= 15
            asked = {text: text for text in operations.queries()}
            for name, expression in (alerts | queries() | asked).items():
                assert not re.search(r"\) [<>] [\d.]+$", expression), name
                assert await prometheus.query(expression), (name, expression)
            assert await prometheus.query("trio_sts_calls_active == 1")
            hung_up = 'trio_sts_calls_total{outcome="caller hung up"} == 3'
            assert await prometheus.query(hung_up)
