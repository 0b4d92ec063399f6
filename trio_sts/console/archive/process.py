"""The process that reads: a question a line, an answer a line, while there are any.

An answer is a status as of HTTP, what the service is to log, and a JSON object, with tabs
between them.
"""

import os
import select
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from typing import Any, Final

import orjson

from trio_sts.console.json import dumps

from .library import Library, NotFound, NotNow

# Its memory is given back where nobody asks for so long; it is started again.
IDLE_S: Final = 300.0
_READ_BYTES: Final = 64 * 1024
# Running calls go first.
_NICE: Final = 10
_FAILED: Final = b'{"error":"Something has failed here; the log says what."}'

Ask = Callable[[Library, Mapping[str, Any]], Any]
_QUESTIONS: Final[Mapping[str, Ask]] = {
    "list": lambda library, told: library.listed(told),
    "stats": lambda library, told: library.stats(told),
    "one": lambda library, told: library.one(str(told["id"])),
    "peaks": lambda library, told: library.peaks(str(told["id"]), int(told["n"])),
    "recording": lambda library, told: library.recording(str(told["id"])),
}


def answer(library: Library, line: bytes) -> bytes:
    """One answer, for one question."""
    try:
        told = orjson.loads(line)
        body = dumps(_QUESTIONS[told["ask"]](library, told))
    except NotFound as exc:
        return b"404\t\t%b\n" % dumps({"error": str(exc)})
    except NotNow as exc:
        return b"503\t\t%b\n" % dumps({"error": str(exc)})
    except ValueError as exc:
        return b"400\t\t%b\n" % dumps({"error": str(exc)})
    # Whatever is in a file or a row: the next question is answered all the same.
    except Exception as exc:  # noqa: BLE001
        told_why = " ".join(f"{type(exc).__name__}: {exc}".split())[:300]
        return b"500\t%b\t%b\n" % (told_why.encode(errors="replace"), _FAILED)
    return b"200\t\t%b\n" % body


def lines_of(descriptor: int) -> Iterator[bytes]:
    """The lines of a pipe, until it is closed or nothing has come for five minutes."""
    rest = b""
    while True:
        line, end, left = rest.partition(b"\n")
        if end:
            rest = left
            yield line
            continue
        if not select.select([descriptor], [], [], IDLE_S)[0]:
            return
        piece = os.read(descriptor, _READ_BYTES)
        if not piece:
            return
        rest += piece


def main() -> None:
    """Answer the questions of standard input."""
    # The service ends it, by closing the pipe; a Ctrl-C is meant for that.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError):
        os.nice(_NICE)
    questions = lines_of(sys.stdin.fileno())
    with closing(Library.of(orjson.loads(next(questions)))) as library:
        for line in questions:
            try:
                sys.stdout.buffer.write(answer(library, line))
                sys.stdout.buffer.flush()
            except BrokenPipeError:
                os._exit(0)


if __name__ == "__main__":
    main()
