"""AVR's own tools as operators have them: JavaScript, and the packages that it needs."""

import os
import shutil
from pathlib import Path

import pytest

_JAVASCRIPT = Path(__file__).parent / "javascript"

needs_node = pytest.mark.skipif(
    shutil.which("node") is None, reason="Node.js is not installed"
)


def avr_tools(base: Path) -> dict[str, str]:
    """Put them into ``avr_tools`` beside an empty ``tools``; what to set for it."""
    shutil.copytree(_JAVASCRIPT / "avr_tools", base / "avr_tools")
    (base / "tools").mkdir()
    return {
        "TOOLS_DIR": str(base / "tools"),
        "PATH": os.environ["PATH"],
        "NODE_PATH": str(_JAVASCRIPT / "node_path"),
    }
