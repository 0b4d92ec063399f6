"""The images, built once for all tests; only with ``IMAGE_TESTS=1``, for it takes minutes."""

import os
from pathlib import Path

import pytest
from attrs import frozen

from .building import BUILDAH, build, left_out, make_base

_REASON = (
    "make image builds the image and runs it"
    if os.environ.get("IMAGE_TESTS") != "1"
    else left_out()
)


@pytest.fixture(autouse=True)
def _where_it_can_be_built() -> None:
    if _REASON is not None:
        pytest.skip(_REASON)


@frozen
class Images:
    """Their names.

    Attributes:
        default: With Node.js.
        slim: Without.
        demo: Without, but with the built-in model.
    """

    default: str
    slim: str
    demo: str


@pytest.fixture(name="images", scope="session")
def _images() -> Images:
    """Each builder builds; what they have in common is built once."""
    if _REASON is not None:
        pytest.skip(_REASON)
    make_base()
    default = build("latest")
    slim = build("slim", "WITH_NODE=0", builder=BUILDAH)
    demo = build("demo", "WITH_NODE=0", "WITH_DEMO=1")
    return Images(default, slim, demo)


@pytest.fixture
def mounted(tmp_path: Path) -> Path:
    """A folder that the container's own user may read."""
    tmp_path.chmod(0o755)
    return tmp_path
