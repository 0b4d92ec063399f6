"""The chart's Deployment, started by podman: a call through it, stopped during the call."""

import json
import socket
from base64 import b64encode
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.peers.core import calling
from tests.peers.model import scripted_model

from .conftest import Images
from .containers import podman

chart = pytest.importorskip("tests.kubernetes.chart", exc_type=ImportError)
yaml = pytest.importorskip("yaml")
# What podman can start; the others are a cluster's. Its secrets are made by itself.
_KINDS = {"Deployment", "ConfigMap"}
_SECRET = "keys"
_UNTIL_S = 20.0
_LIMITS = """[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
"""


@asynccontextmanager
async def played(
    folder: Path, values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[str]:
    """Start the chart's pod in the machine's own network; the name of the container."""
    config = folder / "containers.conf"
    config.write_text(_LIMITS)
    monkeypatch.setenv("CONTAINERS_CONF", str(config))
    documents = [each for each in chart.manifests(values) if each["kind"] in _KINDS]
    for document in documents:
        for container in (
            document.get("spec", {})
            .get("template", {})
            .get("spec", {})
            .get("containers", [])
        ):
            # Nothing is mapped in the machine's own network.
            del container["ports"]
    keys = folder / "keys.json"
    keys.write_text(
        json.dumps({"OPENAI_API_KEY": b64encode(chart.KEY.encode()).decode()})
    )
    file = folder / "pod.yaml"
    file.write_text(yaml.safe_dump_all(documents))
    await podman("secret", "create", _SECRET, str(keys))
    try:
        await podman("kube", "play", "--network=host", str(file))
        yield f"{chart.NAME}-pod-0-trio-sts"
    finally:
        with trio.move_on_after(60, shield=True):
            await podman("kube", "down", str(file), check=False)
            await podman("secret", "rm", _SECRET, check=False)


async def test_a_call_through_the_chart_s_pod_and_a_stop_during_it(
    images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    repository, tag = images.slim.rsplit(":", 1)
    async with scripted_model() as model:
        values = {
            "image": {"repository": repository, "tag": tag, "pullPolicy": "Never"},
            "replicas": 1,
            "port": port,
            "drainS": 2,
            "settings": {"HOST": "127.0.0.1", "OPENAI_BASE_URL": model.base_url},
            "secret": {"existing": _SECRET},
        }
        async with played(tmp_path, values, monkeypatch) as name:
            with trio.fail_after(_UNTIL_S):
                # It tells nobody.
                while (  # noqa: ASYNC110
                    await podman("exec", name, "trio-sts", "healthcheck", check=False)
                ).returncode:
                    await trio.sleep(0.2)
            async with calling(f"ws://127.0.0.1:{port}") as core:
                await core.init("call-1")
                session = await model.next_session()
                assert session.headers["authorization"] == f"Bearer {chart.KEY}"
                await session.expect("response.create")
                await podman("stop", "--time=10", name)
                assert await core.wait_closed() == 1001
            ended = await podman("wait", name)
            assert ended.stdout.strip() == "0"
