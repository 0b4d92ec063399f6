"""The page on operations, the alerts and the program name the same things."""

import re
from pathlib import Path

from trio_sts.metrics.registry import Metrics
from trio_sts.observing import model_health, saturation
from trio_sts.record.outcomes import FAILURES

from . import operations
from .operations import PAGE
from .prometheus import RULES


def test_its_table_has_every_metric_with_its_kind_and_labels() -> None:
    metrics = Metrics(records=lambda: {("file", "written"): 1})
    metrics.calls.labels("over", "1000")
    metrics.tool_s.labels("weather", "ok")
    metrics.model_errors.labels("other")
    metrics.rate_limit_ratio.labels("tokens")
    found: dict[str, tuple[str, set[str]]] = {}
    for metric in metrics.registry.collect():
        suffix = {"counter": "_total", "info": "_info"}.get(metric.type, "")
        labels = {name for sample in metric.samples for name in sample.labels}
        found[f"{metric.name}{suffix}"] = metric.type, labels - {"le"}
    assert operations.metrics() == found


def test_its_ten_questions_have_queries() -> None:
    rows = re.findall(
        r"^\| [^|]+\? \|.*\| (.*) \|$", PAGE.read_text("utf-8"), re.MULTILINE
    )
    assert len(rows) == 10
    assert all(row.startswith("*") for row in rows)
    assert len(operations.queries()) >= 10


def test_it_tells_of_every_alert_failure_and_warning() -> None:
    page = PAGE.read_text("utf-8")
    assert all(
        f"`{name}`" in page for name in re.findall(r"alert: (\w+)", RULES.read_text())
    )
    assert all(f"`{outcome}`" in page for outcome in FAILURES)
    for module in (model_health, saturation):
        source = Path(str(module.__file__)).read_text()
        events = re.findall(r'_log\.\w+\(\s*"([^"]+)"', source)
        assert events
        assert all(f"`{event}`" in page for event in events)
