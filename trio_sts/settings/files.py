"""The files and folders that settings name, looked at once at the start."""

import os
from pathlib import Path

from .kinds import Kind, Unfit, secret

DEFAULT_TOOLS_DIR = Path("tools")

# Far above any key: a whole disk must not be read by mistake.
_KEY_FILE_BYTES = 64 * 1024
_MAX_PROMPT_BYTES = 256 * 1024


def read_key(path: Path, kind: Kind | None = None) -> tuple[str | None, str]:
    """Read a key from a file, without the line break at its end.

    ``kind`` is what it must be, instead of any key that fits into a header.

    Returns:
        The key and an empty text, or None and what is wrong, without the content.
    """
    try:
        if not path.is_file():
            return None, "is not a file"
        with path.open("rb") as file:
            content = file.read(_KEY_FILE_BYTES)
    except OSError as exc:
        return None, f"cannot be read: {exc.strerror}"
    kind = kind or secret()
    try:
        key: str = kind.parse(content.decode("utf-8-sig").strip())
    except (Unfit, UnicodeDecodeError):
        return None, f"must hold one key: {kind.allowed}"
    return (key, "") if key else (None, "is empty")


def read_prompt(path: Path) -> tuple[str | None, str]:
    """Read a file of instructions: UTF-8, at most 256 KiB.

    Returns:
        The text and an empty one, or None and what is wrong.
    """
    try:
        # Anything else, such as a pipe, could block for ever.
        if not path.is_file():
            return None, "it is not a file"
        with path.open("rb") as file:
            content = file.read(_MAX_PROMPT_BYTES + 1)
        text = content.decode("utf-8-sig")
    except OSError as exc:
        return None, exc.strerror or type(exc).__name__
    except UnicodeDecodeError:
        return None, "it is not UTF-8 text"
    if len(content) > _MAX_PROMPT_BYTES:
        return None, f"it is longer than {_MAX_PROMPT_BYTES} bytes"
    return (text, "") if text.strip() else (None, "it is empty")


def usable_tools_dir(path: Path) -> Path:
    """The folder itself, or ``tools`` if there is no such folder."""
    return path if _is_dir(path) else DEFAULT_TOOLS_DIR


def check_transcript_dir(path: Path) -> str:
    """Create the folder and those above it, for the owner alone; see `check_record_dir`."""
    return _check_writable(path, parents=True)


def check_record_dir(path: Path) -> str:
    """Create the folder, for its owner alone, and ask whether it can be written.

    The folder that it is in must exist: a volume that is not mounted is noticed.

    Returns:
        What is wrong; empty if files can be written.
    """
    return _check_writable(path, parents=False)


def _check_writable(path: Path, *, parents: bool) -> str:
    wanted = "must be a folder that can be written"
    try:
        path.mkdir(mode=0o700, parents=parents, exist_ok=True)
    except OSError as exc:
        return f"{wanted}: {exc.strerror}"
    # A read-only file system says no to root too.
    return "" if os.access(path, os.W_OK | os.X_OK) else wanted


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False
