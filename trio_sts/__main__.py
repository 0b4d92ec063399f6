"""The program ``trio-sts``, which is ``python -m trio_sts`` as well."""

import errno
import os
import sys


def main() -> None:
    """Run the command that the arguments name."""
    if sys.argv[1:] == ["healthcheck"]:
        sys.exit(_check_health())
    from trio_sts.cli import main as run

    try:
        try:
            run()
        finally:
            sys.stdout.flush()
    except OSError as exc:
        # What a command shows goes to a disk that is full, or to nobody.
        if exc.errno not in {errno.ENOSPC, errno.EPIPE}:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        is_full = exc.errno == errno.ENOSPC
        sys.exit(f"the output cannot be written: {exc.strerror}" if is_full else 1)


def _check_health() -> int:
    """The container's health check: without the command line's library."""
    from trio_sts.healthcheck import is_healthy

    return 0 if is_healthy(os.environ, ".env") else 1


if __name__ == "__main__":
    main()
