"""Finding the operator's tool files: ``avr_tools`` first, then the tools folder."""

import stat
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

from .tool import Kind

DEFAULT_FOLDER = Path("tools")
AVR_FOLDER = "avr_tools"

_KINDS = {".py": Kind.PYTHON, ".js": Kind.JAVASCRIPT, ".toml": Kind.HTTP}


@frozen
class ToolFile:
    """One file that may define tools, in the language of its suffix."""

    path: Path
    kind: Kind


@frozen
class FoundFiles:
    """The tool files in the order of their rank, and what is odd about them."""

    files: tuple[ToolFile, ...]
    problems: tuple[str, ...]

    def of(self, kind: Kind) -> tuple[Path, ...]:
        """Return the paths of one kind."""
        return tuple(file.path for file in self.files if file.kind is kind)


def find_files(asked: Path) -> FoundFiles:
    """Look for tool files without opening one.

    A missing folder that was asked for is a problem, and ``tools`` is read in its place.
    Files whose names begin with ``_`` or ``.`` are helpers and left alone.
    """
    folder, problems = asked, list[str]()
    if not asked.is_dir() and asked != DEFAULT_FOLDER:
        problems.append(
            f"{asked}: no such folder; reading {str(DEFAULT_FOLDER)!r} instead"
        )
        folder = DEFAULT_FOLDER
    folders = [_beside(asked, folder), folder]
    files: list[ToolFile] = []
    for each in folders:
        try:
            files += _in_folder(each)
        except OSError as exc:
            problems.append(f"{each}: cannot be read: {exc.strerror}")
    problems += _open_to_the_world(files)
    return FoundFiles(tuple(files), tuple(problems))


def _beside(asked: Path, folder: Path) -> Path:
    beside = asked.absolute().parent / AVR_FOLDER
    return beside if beside.is_dir() else folder.absolute().parent / AVR_FOLDER


def _in_folder(folder: Path) -> list[ToolFile]:
    if not folder.is_dir():
        return []
    paths = sorted(folder.absolute().iterdir())
    return [
        ToolFile(path, _KINDS[path.suffix])
        for path in paths
        if path.suffix in _KINDS and path.name[0] not in "_." and path.is_file()
    ]


def _open_to_the_world(files: list[ToolFile]) -> Iterator[str]:
    """Yield a line for each folder or file through which anybody can run code here."""
    folders = dict.fromkeys(file.path.parent for file in files)
    for path in [*folders, *(file.path for file in files)]:
        if path.stat().st_mode & stat.S_IWOTH:
            yield f"{path}: anybody may write here, and what is here is run"
