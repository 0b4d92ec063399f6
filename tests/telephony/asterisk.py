"""A real Asterisk: the files of ``deploy/asterisk`` as they are shipped, and SIP accounts."""

import os
import shutil
import subprocess
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

SHIPPED = Path(__file__).parents[2] / "deploy" / "asterisk"
_OURS = Path(__file__).parent / "config"
_STARTS_S, _STOPS_S, _ANSWERS_S = 30.0, 10.0, 10.0
# Seen from inside.
_HOME = Path("/srv")
_FOLDERS = ("db", "log", "run", "spool")
_MODULES = "usr/lib/*/asterisk/modules"
_WHERE = """\
[directories]
astetcdir => {home}/etc
astmoddir => /{modules}
astvarlibdir => /var/lib/asterisk
astdbdir => {home}/db
astkeydir => {home}/db
astdatadir => /usr/share/asterisk
astspooldir => {home}/spool
astrundir => {home}/run
astlogdir => {home}/log
astsbindir => /usr/sbin

[options]
verbose = 3
entityid = 02:00:00:00:00:01
"""


@frozen
class Asterisk:
    """One that runs.

    Attributes:
        home: Its configuration, its log and what it records.
    """

    home: Path
    _chroot: Path

    @property
    def log(self) -> str:
        """What it logged so far."""
        return (self.home / "log" / "full.log").read_text("utf-8", "replace")

    def cli(self, command: str) -> str:
        """What its command line answers."""
        done = subprocess.run(
            [*self._program(), "-rx", command],
            capture_output=True,
            text=True,
            timeout=_ANSWERS_S,
            check=False,
        )
        return done.stdout

    def start(self) -> "subprocess.Popen[bytes]":
        """Start it; returns when it is ready for calls."""
        with (self.home / "output").open("wb") as output:
            process = subprocess.Popen(
                [*self._program(), "-f"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        ends_at = time.monotonic() + _STARTS_S  # noqa: TID251  # no loop runs yet
        while "fully booted" not in self.cli("core waitfullybooted"):
            told = (self.home / "output").read_text("utf-8", "replace")
            assert process.poll() is None, told
            assert time.monotonic() < ends_at, told  # noqa: TID251
            time.sleep(0.1)  # noqa: TID251
        return process

    def _program(self) -> Sequence[str]:
        config = _HOME / "etc" / "asterisk.conf"
        return ["chroot", str(self._chroot), "/usr/sbin/asterisk", "-C", str(config)]


@contextmanager
def running(home: Path) -> Generator[Asterisk]:
    """Run an Asterisk whose own folder this is, in the chroot.

    Its mounts are this mount namespace's, which ends with the tests.
    """
    chroot = Path(os.environ["TELEPHONY_CHROOT"])
    for name in _FOLDERS:
        (home / name).mkdir()
    shutil.copytree(_OURS, home / "etc")
    shutil.copytree(SHIPPED, home / "etc" / "trio-sts")
    for each in SHIPPED.glob("*.conf"):
        if not (home / "etc" / each.name).exists():
            shutil.copy(each, home / "etc")
    (modules,) = chroot.glob(_MODULES)
    where = _WHERE.format(home=_HOME, modules=modules.relative_to(chroot))
    (home / "etc" / "asterisk.conf").write_text(where)
    for mount in (
        ("--bind", home, chroot / "srv"),
        ("-t", "proc", "proc", chroot / "proc"),
    ):
        subprocess.run([*("mount", *mount)], check=True)
    asterisk = Asterisk(home, chroot)
    process = asterisk.start()
    try:
        yield asterisk
    finally:
        process.terminate()
        try:
            process.wait(_STOPS_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for name in ("proc", "srv"):
            subprocess.run([*("umount", chroot / name)], check=True)
