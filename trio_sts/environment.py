"""What is set: the real environment, and ``.env`` beneath it.

Nothing is imported here that takes time or memory: a health check reads its two settings
every few seconds.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from .dotenv import Dotenv

# What programs write where they have no value: AVR's panel the first of them.
NOT_SET = frozenset({"undefined", "null", "none"})

# Far above any prompt: a whole disk must not be read by mistake.
_MAX_BYTES = 4 * 1024 * 1024
_NO_TEXT = "it is not UTF-8 text; save it as UTF-8"


class Unreadable(Exception):
    """The file cannot be read; the text says why."""


def real_environment() -> dict[str, str]:
    """The process's environment as UTF-8, which it is whatever the locale says."""
    return {
        name.decode("utf-8", "surrogateescape"): value.decode(
            "utf-8", "surrogateescape"
        )
        for name, value in os.environb.items()
    }


def read_dotenv(path: str | os.PathLike[str]) -> "Dotenv":
    """Read a file.

    Raises:
        Unreadable: It is missing, too long, or no UTF-8 text.
    """
    try:
        with open(path, "rb") as stream:
            content = stream.read(_MAX_BYTES + 1)
        text = content.decode("utf-8-sig")
    except OSError as exc:
        raise Unreadable(exc.strerror) from exc
    except UnicodeDecodeError as exc:
        raise Unreadable(_NO_TEXT) from exc
    if len(content) > _MAX_BYTES:
        why = f"it is over {_MAX_BYTES >> 20} MiB"
        raise Unreadable(why)
    # UTF-16 of plain English is UTF-8 with a zero after each letter.
    if "\0" in text:
        raise Unreadable(_NO_TEXT)
    # Imported here: there is such a file seldom where there are health checks.
    from .dotenv import parse

    return parse(text)


def unwrapped(values: "Mapping[str, str]") -> dict[str, str]:
    """Drop what is empty, and the quotes that a compose file's list entries keep."""
    stripped = {
        variable: _without_quotes(value.strip()).strip()
        for variable, value in values.items()
    }
    return {variable: value for variable, value in stripped.items() if value}


def _without_quotes(value: str) -> str:
    # More than one character, so that a lone quote is not taken for a pair.
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return value
