"""Debian's PostgreSQL, run by the tests: an unprivileged user, a folder of its own."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from attrs import field, frozen

PASSWORD = "s3cr3t-Hush-9"
_USERS = ("postgres", "nobody")
_START_S = 60


@frozen
class Server:
    """A server that runs, with a password; databases are made on demand."""

    port: int
    password: str = field(default=PASSWORD, repr=False)

    def new_database(self) -> str:
        """The URL of a database that nobody else uses."""
        name = f"db_{uuid4().hex}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)

    def url(self, name: str) -> str:
        return f"postgresql://sts:{self.password}@127.0.0.1:{self.port}/{name}"


def programs() -> Path | None:
    """The folder of the server's programs; Debian does not have them in PATH."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return folders[-1] if folders else None


@contextmanager
def running() -> Generator[Server]:
    """Run a server on the loopback until the block is left."""
    where = programs()
    assert where is not None
    user = _unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="trio-sts-pg-"))
    try:
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        who: dict[str, Any] = (
            {}
            if user is None
            else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        )
        words = folder / "password"
        words.write_text(PASSWORD)
        words.chmod(0o644)
        data = folder / "data"
        subprocess.run(
            [
                *(
                    str(where / "initdb"),
                    f"--pgdata={data}",
                    "--username=sts",
                    "--no-sync",
                ),
                *("--auth=scram-sha-256", f"--pwfile={words}", "--encoding=UTF8"),
            ],
            check=True,
            capture_output=True,
            cwd=folder,
            env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
            **who,
        )
        port = _unused_port()
        server = subprocess.Popen(
            [
                *(str(where / "postgres"), f"-D{data}", f"-p{port}", f"-k{folder}"),
                *("-h", "127.0.0.1", "-c", "fsync=off"),
                *("-c", "log_min_messages=fatal"),
            ],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
            **who,
        )
        try:
            _wait_until_ready(where, port)
            yield Server(port)
        finally:
            # At once, and not when the last client has left.
            server.send_signal(signal.SIGQUIT)
            server.wait(_START_S)
    finally:
        shutil.rmtree(folder)


def _unprivileged() -> pwd.struct_passwd | None:
    """Who the server runs as; None where the tests are nobody special themselves."""
    if os.geteuid() != 0:
        return None
    known = {each.pw_name: each for each in pwd.getpwall()}
    return next(known[name] for name in _USERS if name in known)


def _unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(where: Path, port: int) -> None:
    subprocess.run(
        [
            *("sh", "-c", 'until "$0" -q -h 127.0.0.1 -p "$1"; do sleep 0.1; done'),
            *(str(where / "pg_isready"), str(port)),
        ],
        check=True,
        timeout=_START_S,
    )
