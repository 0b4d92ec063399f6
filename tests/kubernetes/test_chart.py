"""What the chart creates: allowed by Kubernetes, and what the service understands."""

import base64
import re
import tomllib
from typing import Any

import kubernetes_validate  # pyright: ignore[reportMissingTypeStubs]
import pytest
import yaml
from helm_python import HelmError
from helm_python.chart import lint

from trio_sts.settings import load

from .chart import CHART, KEY, NAME, NAMESPACE, Values, manifests, one, pod, texts

# The oldest that the chart is for, one between, and the newest that is known here.
VERSIONS = ["1.27.0", "1.31.0", kubernetes_validate.latest_version()]
# Of others: their operators bring the kinds along.
_FOREIGN = {"ServiceMonitor", "ScaledObject"}

WITH_KEY: Values = {"secret": {"values": {"OPENAI_API_KEY": KEY}}}
EVERYTHING: Values = {
    "workers": "auto",
    "drainS": 3600,
    "image": {
        "repository": "registry.example/trio-sts",
        "tag": "1",
        "pullPolicy": "Always",
    },
    "imagePullSecrets": [{"name": "pull"}],
    "settings": {"OPENAI_TEMPERATURE": 0.7, "STS_GREETING": False, "TZ": "Europe/Rome"},
    "secret": {"existing": "keys"},
    "tls": {"secretName": "certificate"},
    "tools": {"volume": {"persistentVolumeClaim": {"claimName": "tools"}}},
    "extraVolumes": [{"name": "records", "persistentVolumeClaim": {"claimName": "r"}}],
    "extraVolumeMounts": [{"name": "records", "mountPath": "/records"}],
    "service": {"type": "LoadBalancer", "annotations": {"a/b": "c"}},
    "autoscaling": {"enabled": True},
    "serviceMonitor": {"enabled": True, "labels": {"a": "b"}, "tokenKey": "STS_TOKEN"},
    "networkPolicy": {
        "enabled": True,
        "from": [{"podSelector": {"matchLabels": {"app": "avr-core"}}}],
    },
    "podAnnotations": {"a": "b"},
    "podLabels": {"a": "b"},
    "nodeSelector": {"a": "b"},
    "tolerations": [{"key": "voice", "operator": "Exists"}],
    "affinity": {"podAntiAffinity": {}},
}
KEDA: Values = {
    **WITH_KEY,
    "tools": {"files": {"hours.py": "x = 1\n"}},
    "autoscaling": {"enabled": True, "kind": "keda"},
    "podDisruptionBudget": {"enabled": False},
    "preStopS": 0,
}
SETS = {"defaults": {}, "key": WITH_KEY, "everything": EVERYTHING, "keda": KEDA}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("values", SETS.values(), ids=SETS)
def test_kubernetes_takes_every_manifest(values: Values, version: str) -> None:
    created = manifests(values)
    own = [each for each in created if each["kind"] not in _FOREIGN]
    assert len(own) >= 3
    for manifest in own:
        kubernetes_validate.validate(manifest, version, strict=True)
    names = [(each["kind"], each["metadata"]["name"]) for each in created]
    assert len(set(names)) == len(names)


def test_a_key_that_kubernetes_does_not_know_is_seen() -> None:
    values = {**WITH_KEY, "podSecurityContext": {"runAsNonroot": True}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(
            one("Deployment", values), VERSIONS[-1], strict=True
        )


@pytest.mark.parametrize("values", SETS.values(), ids=SETS)
def test_helm_s_own_linter_finds_nothing(values: Values) -> None:
    report = lint(CHART, values, strict=True)
    assert report["errors"] == []
    worth_a_warning = [each for each in report["messages"] if each["severity"] > 1]
    assert worth_a_warning == []


def test_every_value_has_its_place_in_the_schema() -> None:
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    missing = _differences(values, schema)
    assert missing == []


def _differences(values: Any, schema: Any, path: str = "") -> list[str]:
    """Names that one of the two has alone; below free objects none are looked for."""
    if schema.get("additionalProperties") is not False:
        return []
    allowed = schema["properties"]
    alone = [f"{path}{name}" for name in values.keys() ^ (allowed.keys() - {"global"})]
    for name in values.keys() & allowed.keys():
        if isinstance(values[name], dict):
            alone += _differences(values[name], allowed[name], f"{path}{name}.")
    return alone


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"replica": 3}, "replica"),
        ({"image": {"tags": "1"}}, "tags"),
        ({"drainS": "long"}, "drainS"),
        ({"drainS": 86401}, "drainS"),
        ({"workers": "many"}, "workers"),
        ({"settings": {"lower": "x"}}, "lower"),
        ({"autoscaling": {"kind": "cron"}}, "kind"),
        ({"settings": {"OPENAI_API_KEY": "k"}}, "secret.values"),
        ({"settings": {"STS_DRAIN_S": "1"}}, "drainS"),
        ({"secret": {"existing": "a", "values": {"A": "b"}}}, "secret.existing"),
        ({"tools": {"files": {"a.py": ""}, "configMap": "b"}}, "tools"),
    ],
)
def test_a_faulty_value_is_refused_by_name(values: Values, named: str) -> None:
    with pytest.raises(HelmError, match=re.escape(named)):
        texts(values)


@pytest.mark.parametrize("values", [WITH_KEY, KEDA])
def test_the_service_understands_its_environment(values: Values) -> None:
    secret = one("Secret", values)["data"]
    environ = one("ConfigMap", values)["data"] | {
        name: base64.b64decode(value).decode() for name, value in secret.items()
    }
    settings, warnings = load(environ, None, strict=True)
    assert warnings == ()
    assert (settings.api_key, settings.port, settings.max_calls) == (KEY, 6030, 200)


@pytest.mark.parametrize("values", SETS.values(), ids=SETS)
def test_the_pod_has_longer_than_its_calls(values: Values) -> None:
    drain_s = int(one("ConfigMap", values)["data"]["STS_DRAIN_S"])
    spec = pod(values)
    (container,) = spec["containers"]
    stop = container.get("lifecycle", {"preStop": {"exec": {"command": ["", "0"]}}})
    waits_s = int(stop["preStop"]["exec"]["command"][1])
    # A stop ends a second after the drain.
    assert spec["terminationGracePeriodSeconds"] > waits_s + drain_s + 1


@pytest.mark.parametrize("values", SETS.values(), ids=SETS)
def test_the_pod_has_no_rights(values: Values) -> None:
    spec = pod(values)
    (container,) = spec["containers"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    # A limit would cut audio into pieces.
    assert "cpu" not in container["resources"]["limits"]


def test_probes_speak_what_the_listener_speaks() -> None:
    for values, scheme in ((WITH_KEY, "HTTP"), (EVERYTHING, "HTTPS")):
        (container,) = pod(values)["containers"]
        probes = [
            container[f"{each}Probe"] for each in ("startup", "liveness", "readiness")
        ]
        paths = [each["httpGet"]["path"] for each in probes]
        assert paths == ["/healthz", "/healthz", "/readyz"]
        assert {each["httpGet"]["scheme"] for each in probes} == {scheme}
    monitor = one("ServiceMonitor", EVERYTHING)["spec"]["endpoints"][0]
    assert monitor["scheme"] == "https"
    assert monitor["authorization"]["credentials"] == {
        "name": "keys",
        "key": "STS_TOKEN",
    }


def test_who_scales_is_asked_for_calls_and_sets_the_number_of_pods_alone() -> None:
    assert "replicas" not in one("Deployment", EVERYTHING)["spec"]
    (metric,) = one("HorizontalPodAutoscaler", EVERYTHING)["spec"]["metrics"]
    assert metric["pods"]["metric"]["name"] == "trio_sts_calls_active"
    (trigger,) = one("ScaledObject", KEDA)["spec"]["triggers"]
    query = trigger["metadata"]["query"]
    assert query == (
        f'sum(trio_sts_calls_active{{namespace="{NAMESPACE}",pod=~"{NAME}-.*"}})'
    )


def test_service_policy_and_budget_mean_these_pods() -> None:
    labels = one("Deployment", EVERYTHING)["spec"]["template"]["metadata"]["labels"]
    for selector in (
        one("Service", EVERYTHING)["spec"]["selector"],
        one("NetworkPolicy", EVERYTHING)["spec"]["podSelector"]["matchLabels"],
        one("PodDisruptionBudget", EVERYTHING)["spec"]["selector"]["matchLabels"],
        one("Deployment", EVERYTHING)["spec"]["selector"]["matchLabels"],
    ):
        assert selector
        assert selector.items() <= labels.items()


def test_other_settings_are_other_pods() -> None:
    def checksums(values: Values) -> Any:
        return one("Deployment", values)["spec"]["template"]["metadata"]["annotations"]

    other = {**WITH_KEY, "settings": {"TZ": "Europe/Rome"}}
    assert checksums(WITH_KEY) == checksums(WITH_KEY)
    assert checksums(WITH_KEY) != checksums(other)
    another_key = {"secret": {"values": {"OPENAI_API_KEY": "sk-another"}}}
    assert checksums(WITH_KEY) != checksums(another_key)


def test_the_notes_tell_the_address_and_a_missing_key() -> None:
    assert f"ws://{NAME}.{NAMESPACE}:6030" in texts(WITH_KEY)["NOTES.txt"]
    assert "There is no key" in texts()["NOTES.txt"]
    assert "There is no key" not in texts(EVERYTHING)["NOTES.txt"]
    assert "wss://" in texts(EVERYTHING)["NOTES.txt"]


def test_the_chart_has_the_program_s_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = tomllib.loads((CHART.parents[2] / "pyproject.toml").read_text())[
        "project"
    ]
    assert chart["appVersion"] == project["version"]
