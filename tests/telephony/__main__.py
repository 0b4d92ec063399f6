"""`make telephony`: a Debian with Asterisk, a network of its own, and the tests in it.

Everything of the tests is on the loopback of a network namespace that ends with them:
Asterisk has its usual ports, and nothing of it is heard on this machine's network.
"""

import os
import sys

from .debian import CHROOT, left_out, make


def main() -> None:
    """Run the tests, or say in a line why not."""
    reason = left_out() or make()
    if reason is not None:
        sys.stdout.write(f"LEFT OUT: calls through Asterisk: {reason}\n")
        return
    sys.stdout.flush()
    tests = [sys.executable, "-m", "pytest", "tests/telephony", *sys.argv[1:]]
    inside = ["sh", "-c", 'ip link set lo up && exec "$@"', "telephony", *tests]
    os.environ["TELEPHONY_CHROOT"] = str(CHROOT)
    command = ["unshare", "--net", "--mount", "--", *inside]
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main()
