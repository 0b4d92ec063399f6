"""What the page on operations says: metrics, labels and queries."""

import re

from .prometheus import DEPLOY

PAGE = DEPLOY.parent / "docs" / "operations.md"
_ROW = re.compile(r"^\| `(trio_sts_\w+)` \| (\w+) \|(.*?)\|", re.MULTILINE)


def metrics() -> dict[str, tuple[str, set[str]]]:
    """The kind and the labels of each metric in the page's table, by its name."""
    found = _ROW.findall(PAGE.read_text("utf-8"))
    labels = {name: re.sub(r":[^;|]*", ";", cell) for name, _, cell in found}
    return {
        name: (kind, {*re.findall(r"`(\w+)`", labels[name])}) for name, kind, _ in found
    }


def queries() -> list[str]:
    """The queries of its ten questions."""
    table = PAGE.read_text("utf-8").split("## Ten questions")[1].split("\n## ")[0]
    return [text for text in re.findall(r"`([^`]+)`", table) if "trio_sts_" in text]
