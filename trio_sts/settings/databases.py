"""Settings that name a database."""

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from .kinds import Kind, Unfit
from .masking import mask_url

_POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")
_SQLITE_START = "sqlite:///"


def database() -> Kind:
    """The URL of an SQLite file or of a PostgreSQL database."""

    def parse(address: str) -> str:
        if not address.isprintable():
            raise Unfit
        scheme, separator, rest = address.partition("://")
        if scheme == "sqlite" and separator:
            path = rest.removeprefix("/")
            unfit = not path or "?" in path or path == ":memory:"
            if unfit or not rest.startswith("/"):
                raise Unfit
            return address
        if scheme not in _POSTGRESQL or not separator or not _is_sound(address):
            raise Unfit
        return f"postgresql://{rest}"

    return Kind(
        "sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME",
        parse,
        lambda value: "" if value is None else mask_url(value),
        is_url=True,
    )


def sqlite_path(address: str) -> Path | None:
    """The file of an SQLite database; None for another one.

    As SQLAlchemy reads it: three slashes before a relative path, four before others.
    """
    if not address.startswith(_SQLITE_START):
        return None
    return Path(address.removeprefix(_SQLITE_START))


def database_fault(address: str) -> str:
    """What is wrong with the place of an SQLite file; empty if it can be written.

    The file itself may be missing, its folder not. A server is not asked: one that is
    away is waited for.
    """
    path = sqlite_path(address)
    if path is None:
        return ""
    if not path.parent.is_dir():
        return "must be in a folder that exists"
    if path.is_dir():
        return "must be a file, and is a folder"
    writable = os.access(path.parent, os.W_OK | os.X_OK)
    if path.exists():
        writable = writable and os.access(path, os.W_OK | os.R_OK)
    return "" if writable else "must be a file that can be written"


def password_of(address: str | None) -> str | None:
    """The password in a URL; None without one."""
    if address is None:
        return None
    try:
        password = urlsplit(address).password
    except ValueError:
        return None
    return unquote(password) if password else None


def _is_sound(address: str) -> bool:
    try:
        port = urlsplit(address).port
    except ValueError:
        return False
    return port is None or port > 0
