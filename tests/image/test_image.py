"""What is in the image, without a call."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.peers.core import calling
from tests.peers.model import scripted_model

from .building import ROOT
from .conftest import Images
from .containers import WITHOUT_RIGHTS, podman, started

KEY = "sk-image-test"
# What Python says with `-v` of a module that it had to compile, and of one it had not.
_FROM = re.compile(r"^# code object from '?(.+?)'?$", re.MULTILINE)
# As platforms give it that let no image choose.
ANY_USER = "1000660000:0"


async def config(image: str) -> dict[str, Any]:
    done = await podman("image", "inspect", image)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found[0]


async def test_both_builders_keep_the_health_check(images: Images) -> None:
    for image in (images.default, images.slim):
        check = (await config(image))["Healthcheck"]
        assert check["Test"] == ["CMD", "trio-sts", "healthcheck"]
        assert check["Interval"] == 10_000_000_000


async def test_the_labels_are_the_package_s_own(images: Images) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    labels = (await config(images.default))["Labels"]
    prefix = "org.opencontainers.image"
    assert labels[f"{prefix}.title"] == project["name"]
    assert labels[f"{prefix}.version"] == project["version"]
    assert labels[f"{prefix}.licenses"] == project["license"]
    assert project["description"].startswith(labels[f"{prefix}.description"])


async def test_no_module_is_compiled_at_the_start_or_in_a_call(images: Images) -> None:
    async with (
        scripted_model() as model,
        started(
            images.default,
            PYTHONVERBOSE="1",
            OPENAI_API_KEY=KEY,
            OPENAI_BASE_URL=model.base_url,
        ) as service,
    ):
        await service.ready()
        async with calling(service.url) as core:
            await core.init("call-1")
            session = await model.next_session()
            await session.expect("response.create")
        told = (await podman("logs", service.name)).stderr
        sources = _FROM.findall(told)
        assert len(sources) > 300
        assert [name for name in sources if not name.endswith(".pyc")] == []


async def test_a_module_that_is_compiled_would_be_seen(
    images: Images, mounted: Path
) -> None:
    (mounted / "plain.py").write_text("")
    done = await podman(
        *("run", "--rm", *WITHOUT_RIGHTS, f"--volume={mounted}:/plain:ro"),
        *("--env=PYTHONPATH=/plain", "--entrypoint=python", images.slim),
        *("-v", "-c", "import plain"),
    )
    assert "/plain/plain.py" in _FROM.findall(done.stderr)


@pytest.mark.parametrize("user", [None, ANY_USER])
async def test_check_finds_nothing_amiss_whoever_runs_it(
    images: Images, user: str | None
) -> None:
    done = await podman(
        *("run", "--rm", *WITHOUT_RIGHTS, *([f"--user={user}"] if user else [])),
        *(f"--env=OPENAI_API_KEY={KEY}", "--env=AMI_URL=http://127.0.0.1:1"),
        *(images.default, "check", "--offline"),
        check=False,
    )
    assert done.stdout.splitlines()[-1].startswith("ready"), done


async def test_who_runs_it_owns_nothing_in_it(images: Images) -> None:
    done = await podman(
        *("run", "--rm", *WITHOUT_RIGHTS, "--entrypoint=sh", images.default, "-c"),
        "id -u; find / -xdev -writable -not -type l -not -path '/proc/*' "
        "-not -path '/dev/*' -not -path '/sys/*' 2>/dev/null; true",
    )
    user, *writable = done.stdout.split()
    assert user == "10001"
    # Nobody can write there in a read-only file system; the rights say so all the same.
    assert set(writable) <= {"/tmp", "/var/tmp", "/run/lock"}  # noqa: S108


async def test_without_the_extra_the_build_argument_is_named(images: Images) -> None:
    done = await podman(
        *("run", "--rm", *WITHOUT_RIGHTS, images.slim, "serve", "--embedded"),
        check=False,
    )
    assert done.returncode == 1
    assert "--build-arg WITH_DEMO=1" in done.stdout + done.stderr
