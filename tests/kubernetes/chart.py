"""The chart's manifests, as Helm itself renders them."""

from pathlib import Path
from typing import Any

import yaml
from helm_python import Chart

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "trio-sts"
RELEASE, NAMESPACE = "demo", "voice"
NAME = f"{RELEASE}-trio-sts"
KEY = "sk-chart-test"

Manifest = dict[str, Any]
Values = dict[str, Any]


def texts(values: Values | None = None) -> dict[str, str]:
    """What each template becomes, by the file's name.

    Raises:
        helm_python.HelmError: A value is not allowed.
    """
    with Chart.load(CHART) as chart:
        chart.validate_schema(values or {})
        rendered = chart.render(values or {}, name=RELEASE, namespace=NAMESPACE)
    return {Path(name).name: text for name, text in rendered.items()}


def manifests(values: Values | None = None) -> list[Manifest]:
    """Everything that is created with these values."""
    files = texts(values)
    del files["NOTES.txt"]
    every = [yaml.safe_load_all(text) for text in files.values()]
    return [document for documents in every for document in documents if document]


def one(kind: str, values: Values | None = None, name: str = NAME) -> Manifest:
    """The only manifest of this kind and name."""
    (found,) = [
        each
        for each in manifests(values)
        if each["kind"] == kind and each["metadata"]["name"] == name
    ]
    return found


def pod(values: Values | None = None) -> Manifest:
    """The pods' own specification."""
    found: Manifest = one("Deployment", values)["spec"]["template"]["spec"]
    return found
