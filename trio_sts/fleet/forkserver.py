"""The process that forks the workers: one thread, no trio, nothing but orders.

It is forked off before the parent has a thread or a socket, after everything is imported,
so that its workers share those pages of memory and inherit nothing else. Over one socket
it is ordered to fork (``{"fork": …}``, with the worker's two sockets) or to kill
(``{"kill": pid}``), and tells what became of it: ``{"forked": pid}`` or ``{"failed": why}``
in the order of the orders, ``{"ended": pid, "code": …}`` whenever a worker has ended. It
ends when the parent has closed the socket, or ended.

Signals are the parent's business: a terminal and a service manager send theirs to all
processes, and the workers do what the parent then tells them.
"""

import gc
import json
import os
import select
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

# What a worker does with the sockets `handover` and `control`; it returns its exit code.
Work = Callable[[socket.socket, socket.socket], int]

SOCKETS: Final = 2
MOST_BYTES: Final = 4096
_FAILED: Final = 1
_LEFT_TO_THE_PARENT: Final = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)


def start(work: Work) -> socket.socket:
    """Fork the forkserver off; nothing may run in this process yet but its one thread.

    Args:
        work: What each worker does.

    Returns:
        The parent's end of the socket for orders.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # What is loaded now stays, and its pages are shared as long as nobody writes to them.
    gc.collect()
    gc.freeze()
    # No signal may find the parent's handlers in the child.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    if os.fork() == 0:
        # Whatever happens, it must not go on as the parent would.
        try:
            ours.close()
            for number in _LEFT_TO_THE_PARENT:
                # No SIG_IGN, which the programs that tools start would inherit.
                signal.signal(number, _left_to_the_parent)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            _ForkServer(theirs, work).run()
        finally:
            os._exit(_FAILED)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    theirs.close()
    return ours


def _left_to_the_parent(number: int, frame: object) -> None:
    del number, frame


class _ForkServer:
    """Waits for orders and for the ends of workers, at the same time."""

    def __init__(self, orders: socket.socket, work: Work) -> None:
        self._orders = orders
        self._work = work
        self._workers: set[int] = set()
        # A byte comes with each signal.
        self._woken, self._wakes = socket.socketpair()
        self._woken.setblocking(False)
        self._wakes.setblocking(False)
        signal.set_wakeup_fd(self._wakes.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _left_to_the_parent)

    def run(self) -> None:
        """Obey until the parent has closed the socket; does not return."""
        waiting = select.poll()
        waiting.register(self._orders, select.POLLIN)
        waiting.register(self._woken, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in waiting.poll()}
            with suppress(BlockingIOError):
                self._woken.recv(MOST_BYTES)
            self._report_ends()
            if self._orders.fileno() in ready and not self._obey():
                os._exit(0)

    def _obey(self) -> bool:
        """Do what the next order says; False if there will be none."""
        try:
            raw, descriptors, _, _ = socket.recv_fds(
                self._orders, MOST_BYTES, SOCKETS, socket.MSG_CMSG_CLOEXEC
            )
        except ConnectionError:
            return False
        if not raw:
            return False
        match json.loads(raw):
            case {"kill": int(pid)}:
                # One that was reported as ended may have been replaced by a stranger.
                if pid in self._workers:
                    os.kill(pid, signal.SIGKILL)
            case _ if len(descriptors) == SOCKETS:
                handover, control = (socket.socket(fileno=each) for each in descriptors)
                self._fork(handover, control)
            case _:
                self._tell(failed="no file descriptor is left")
                for descriptor in descriptors:
                    os.close(descriptor)
        return True

    def _fork(self, handover: socket.socket, control: socket.socket) -> None:
        try:
            pid = os.fork()
        except OSError as exc:
            self._tell(failed=exc.strerror or "it cannot fork")
        else:
            if pid == 0:
                self._become_worker(handover, control)
            self._workers.add(pid)
            self._tell(forked=pid)
        handover.close()
        control.close()

    def _become_worker(self, handover: socket.socket, control: socket.socket) -> None:
        code = _FAILED
        try:
            # All that a worker would inherit from here.
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for each in (self._orders, self._woken, self._wakes):
                each.close()
            code = self._work(handover, control)
        finally:
            os._exit(code)

    def _report_ends(self) -> None:
        while self._workers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            self._workers.discard(pid)
            self._tell(ended=pid, code=os.waitstatus_to_exitcode(status))

    def _tell(self, **told: Any) -> None:
        try:
            self._orders.send(json.dumps(told).encode())
        except ConnectionError:
            os._exit(0)
