"""Folders of tool files, written and opened in one line."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from trio_sts.tools.opening import open_registry
from trio_sts.tools.registry import Registry


def in_folder(base: Path, files: Mapping[str, str]) -> str:
    """Write files below ``base`` and return the setting that finds them."""
    (base / "tools").mkdir()
    for name, content in files.items():
        path = base / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(content)
    return str(base / "tools")


def left_compiled(base: Path) -> list[Path]:
    return list(base.rglob("*.pyc"))


def opened(
    tools_dir: str | Path,
    *,
    ami_url: str | None = "http://ami:6006",
    tool_timeout_s: float = 5,
    environ: Mapping[str, str] | None = None,
    call_control: tuple[str, ...] = (),
) -> AbstractAsyncContextManager[Registry]:
    return open_registry(
        ami_url=ami_url,
        tools_dir=Path(tools_dir),
        tool_timeout_s=tool_timeout_s,
        tool_result_kib=1,
        environ=environ or {},
        call_control=call_control,
    )
