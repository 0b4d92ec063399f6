"""A Debian that has an Asterisk with the WebSocket channel driver.

Nothing of it is configured or started by its own scripts: Asterisk and the libraries that
it needs are unpacked, which takes a quarter of the time. It is kept for the next run.
"""

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

# The first with the driver; Debian's stable release has none at all.
SUITE = "sid"
CHROOT = Path("/var/cache/trio-sts") / f"asterisk-{SUITE}"
_NEEDED = ("chroot", "ip", "mmdebstrap", "mount", "unshare")
_ASTERISK = "usr/sbin/asterisk"
_DRIVER = "usr/lib/*/asterisk/modules/chan_websocket.so"
_MERGED = ("bin", "lib", "lib64", "sbin")
_FOLDERS = ("proc", "run", "srv")
_MOST_S = 600.0


def left_out() -> str | None:
    """Why there can be no such call here; None if there can."""
    if os.geteuid() != 0:
        return "they need root, for namespaces and a chroot"
    missing = [name for name in _NEEDED if shutil.which(name) is None]
    if missing:
        return f"they need {', '.join(missing)}: not installed"
    if importlib.util.find_spec("pjsua2") is None:
        return "they need pjsua2-python, which has no wheel for this Python"
    return None


def make() -> str | None:
    """Make the chroot unless it is there.

    Returns:
        Why it could not be made; None if it is there.
    """
    if (CHROOT / _ASTERISK).exists():
        return None
    CHROOT.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=CHROOT.parent) as folder:
        made = Path(folder) / "chroot"
        # As apt is set up here, the packages come from the mirror of Debian itself. What
        # a mirror has that was not renewed for a while is good enough.
        command = [
            *("mmdebstrap", "--quiet", "--variant=extract", "--include=asterisk"),
            *("--aptopt=APT::Install-Recommends false",),
            *("--aptopt=Acquire::Check-Valid-Until false",),
            *("--dpkgopt=path-exclude=/usr/share/{doc,info,locale,man}/*",),
            *(SUITE, str(made)),
        ]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_MOST_S, check=False
            )
        except subprocess.TimeoutExpired:
            return f"Debian {SUITE} did not come within {_MOST_S:.0f} s"
        if done.returncode:
            told = done.stderr.strip().splitlines() or ["no word why"]
            return f"Debian {SUITE} is not to be had here: {told[-1]}"
        if not any(made.glob(_DRIVER)):
            return f"the Asterisk of Debian {SUITE} has no chan_websocket"
        for name in _MERGED:
            if not (made / name).exists():
                (made / name).symlink_to(f"usr/{name}")
        for name in _FOLDERS:
            (made / name).mkdir(exist_ok=True)
        # Whole or not at all.
        made.rename(CHROOT)
    return None
