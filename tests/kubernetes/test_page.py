"""What the page on deployment says of the chart: its values are taken, its names exist."""

import re

import kubernetes_validate  # pyright: ignore[reportMissingTypeStubs]
import yaml

from .chart import CHART, manifests, one, texts

PAGE = (CHART.parents[2] / "docs" / "deploy.md").read_text("utf-8")
_SECTION = PAGE.split("## Kubernetes")[1].split("\n## ")[0]
BLOCKS = [
    yaml.safe_load(text)
    for text in re.findall(r"```yaml\n(.*?)```", _SECTION, re.DOTALL)
]


def test_the_page_s_values_are_taken_together() -> None:
    assert len(BLOCKS) >= 3
    values = {name: value for block in BLOCKS for name, value in block.items()}
    kinds = set[str]()
    for manifest in manifests(values):
        kinds.add(manifest["kind"])
        if manifest["kind"] not in {"ServiceMonitor", "ScaledObject"}:
            kubernetes_validate.validate(
                manifest, kubernetes_validate.latest_version(), strict=True
            )
    assert kinds >= {"Deployment", "ScaledObject", "ServiceMonitor", "NetworkPolicy"}


def test_openshift_s_user_is_left_to_it() -> None:
    (text,) = re.findall(r"`podSecurityContext: (\{.*?\})`", _SECTION)
    values = {**BLOCKS[0], "podSecurityContext": yaml.safe_load(text)}
    context = one("Deployment", values)["spec"]["template"]["spec"]["securityContext"]
    assert context == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def test_the_page_s_names_are_the_chart_s() -> None:
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    for name in ("drainS", "preStopS", "maxCalls", "workers", "resources"):
        assert f"`{name}`" in _SECTION
        assert name in defaults
    address = re.search(r"`(ws://[\w-]+):6030`", _SECTION)
    assert address
    assert address[1] == "ws://voice-trio-sts"
    assert "STS_URL=" in texts(BLOCKS[0])["NOTES.txt"]
