"""`make telephony`: a Debian with Asterisk, a network of its own, and the tests in it.

Everything of the tests is on the loopback of a network namespace that ends with them:
Asterisk has its usual ports, and nothing of it is heard on this machine's network. A call
is mostly waited for, so that but for the measurements two halves of the tests run at the
same time, each in a namespace with an Asterisk of its own; options of pytest are for one
run of all.
"""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from .debian import CHROOT, left_out, make

_HERE = Path("tests/telephony")
# What measures has the machine for itself; then one half of the others.
_ALONE = ("barge_in", "words")
_ONE_HALF = ("hanging_up", "ringing", "transfer")
# The machine's other work may disturb a call: it is held again.
_RERUNS = ("--reruns", "2")
_NAMESPACES = ("unshare", "--net", "--mount", "--")
_LOOPBACK = ("sh", "-c", 'ip link set lo up && exec "$@"', "telephony")


def main() -> int:
    """Run the tests, or say in a line why not."""
    reason = left_out() or make()
    if reason is not None:
        sys.stdout.write(f"LEFT OUT: calls through Asterisk: {reason}\n")
        return 0
    if sys.argv[1:]:
        return _start([str(_HERE), *sys.argv[1:]]).wait()
    files = {path.stem: str(path) for path in sorted(_HERE.glob("test_*.py"))}
    alone = [files.pop(f"test_{name}") for name in _ALONE]
    one = [files.pop(f"test_{name}") for name in _ONE_HALF]
    code = _start(alone).wait()
    with TemporaryFile() as output:
        other = _start(list(files.values()), output)
        code = _start(one).wait() or code
        code = other.wait() or code
        output.seek(0)
        sys.stdout.write(output.read().decode("utf-8", "replace"))
    return code


def _start(
    what: list[str], output: IO[bytes] | None = None
) -> "subprocess.Popen[bytes]":
    sys.stdout.flush()
    return subprocess.Popen(
        [*_NAMESPACES, *_LOOPBACK, sys.executable, "-m", "pytest", *_RERUNS, *what],
        env=os.environ | {"TELEPHONY_CHROOT": str(CHROOT)},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
    )


if __name__ == "__main__":
    sys.exit(main())
