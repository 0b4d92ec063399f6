"""The first lines of the process: its standard streams, and being process 1.

Nothing is imported here that takes time: a signal must find its handler early.
"""

import os
import signal
import sys
from collections.abc import Callable

# Signals that are handed on to the service.
_HANDED_ON = frozenset(
    {
        signal.SIGTERM,
        signal.SIGINT,
        signal.SIGHUP,
        signal.SIGQUIT,
        signal.SIGUSR1,
        signal.SIGUSR2,
    }
)
# `siginfo_t.si_code` of what a terminal sends: it goes to the whole process group.
_SENT_BY_KERNEL = 0x80
_SIGNALLED = 128


def open_missing_streams() -> None:
    """Open what ``>&-`` has closed, so that no socket gets its number."""
    for number, flags in enumerate((os.O_RDONLY, os.O_WRONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)
            os.set_inheritable(number, True)
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115


def reap_as_first_process(is_first: Callable[[], bool] | None = None) -> None:
    """As process 1, go on in a child, and take in what nobody else waits for.

    In a container without an init, every process whose parent has ended becomes a child
    of process 1 and stays as a zombie until that waits for it. Waiting in the service
    itself would take the exit status of a process from the tool that started it.
    Elsewhere nothing is done.

    Args:
        is_first: Whether this is process 1, unless it is found out here.
    """
    first = is_first() if is_first is not None else os.getpid() == 1
    if not first:
        return
    watched = {*_HANDED_ON, signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return
    while True:
        info = signal.sigwaitinfo(watched)
        if info.si_signo == signal.SIGCHLD:
            status = _reaped(child)
            if status is not None:
                os._exit(status)
        elif info.si_code != _SENT_BY_KERNEL:
            os.kill(child, info.si_signo)


def _reaped(service: int) -> int | None:
    """Take in every child that has ended; the service's exit code if it is among them."""
    code = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if pid == 0:
            return code
        if pid == service:
            code = os.waitstatus_to_exitcode(status)
            code = code if code >= 0 else _SIGNALLED - code
