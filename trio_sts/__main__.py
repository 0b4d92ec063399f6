"""The program ``trio-sts``, which is ``python -m trio_sts`` as well."""

import errno
import os
import sys

_SIGNALLED = 128


def main() -> None:
    """Run the command that the arguments name."""
    if sys.argv[1:] == ["healthcheck"]:
        sys.exit(_check_health())
    _heed_signals()
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


def _heed_signals() -> None:
    """End at a signal from now on, until a command has handlers of its own.

    Nothing has begun that would have to be ended first. Process 1 needs this: the system
    sends it no signal for which it has no handler. `signal` is what `_signal` is with
    enumerations, whose import takes ten times as long.
    """
    signal = __import__("_signal")

    def end(number: int, _: object) -> None:
        os._exit(_SIGNALLED + number)

    for number in (signal.SIGTERM, signal.SIGQUIT):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, end)


def _check_health() -> int:
    """The container's health check: without the command line's library."""
    from trio_sts.healthcheck import is_healthy

    return 0 if is_healthy(os.environ, ".env") else 1


if __name__ == "__main__":
    main()
