"""The log: one line per event on standard output, JSON or for people.

Our own lines and those of the libraries (standard ``logging``) take the same way: what is
bound to the call (structlog's contextvars), level, time, text of an exception, then a
safety net that masks the known secrets, then the renderer.
"""

import json
import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, BinaryIO, Literal, cast
from urllib.parse import quote

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger
from typing_extensions import override

from trio_sts.log_writer import LogWriter
from trio_sts.settings import mask_secrets

# Their lines below warning hold request lines, headers and frames.
QUIET = ("httpx", "httpcore", "trio-websocket", "wsproto", "urllib3")

# Deeper values than any of ours are shown by their repr.
_MAX_DEPTH = 6

_LEVELS: dict[str, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def configure(
    level: Literal["debug", "info", "warning", "error"] = "info",
    log_format: Literal["json", "console"] | None = None,
    *,
    secrets: Iterable[str | None] = (),
    file: BinaryIO | None = None,
) -> None:
    """Set up structlog and the standard library's logging, once per process.

    Args:
        level: The least important lines that are written.
        log_format: None is ``console`` on a terminal and ``json`` elsewhere.
        secrets: Texts that no line may contain: the model's key, the caller's token.
        file: Where the lines go; standard output if None.
    """
    out = sys.stdout.buffer if file is None else file
    on_terminal = out.isatty()
    masker = _Masker(secrets)
    _maskers[:] = [masker]
    console = log_format == "console" or (log_format is None and on_terminal)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            masker,
            *(_for_people(colors=on_terminal) if console else (_to_json,)),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=_writer_to(out, console=console).as_factory,
        cache_logger_on_first_use=True,
    )
    _route_standard_logging(_LEVELS[level])


def also_mask(secrets: Iterable[str | None]) -> None:
    """From now on no line may contain these texts either."""
    for masker in _maskers:
        masker.add(secrets)


# The masker and the writer of the last `configure`.
_maskers: list["_Masker"] = []
_writers: list[LogWriter] = []


def _writer_to(out: BinaryIO, *, console: bool) -> LogWriter:
    for writer in _writers:
        writer.close()
    _writers[:] = [LogWriter(out, _dropped_for_people if console else _dropped_in_json)]
    return _writers[0]


def flush() -> None:
    """Wait until every line is written, as far as somebody reads: half a second at most."""
    for writer in _writers:
        writer.flush()


def _dropped_in_json(count: int) -> bytes:
    return orjson.dumps(
        {"event": "log lines dropped", "level": "warning", "count": count}
    )


def _dropped_for_people(count: int) -> bytes:
    return f"log lines dropped: {count}".encode()


class _Masker:
    """Masks secrets in every value, however deep; what is not plain becomes its repr."""

    def __init__(self, secrets: Iterable[str | None]) -> None:
        self._forms: tuple[str, ...] = ()
        self.add(secrets)

    def add(self, secrets: Iterable[str | None]) -> None:
        """Mask these as well; what was a secret stays one."""
        forms = {*self._forms}
        for secret in secrets:
            if secret:
                forms |= {secret, quote(secret, safe="")}
        # The longest first, so that no form leaves the rest of another behind.
        self._forms = tuple(sorted(forms, key=len, reverse=True))

    def __call__(self, _: WrappedLogger, __: str, event_dict: EventDict) -> EventDict:
        return {
            name: value if name in {"level", "timestamp"} else self._masked(value)
            for name, value in event_dict.items()
        }

    def _masked(self, value: object, depth: int = 0) -> object:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, str):
            return mask_secrets(value, self._forms)
        if depth < _MAX_DEPTH:
            if isinstance(value, Mapping):
                fields = cast("Mapping[object, object]", value)
                return {
                    mask_secrets(str(name), self._forms): self._masked(inner, depth + 1)
                    for name, inner in fields.items()
                }
            if isinstance(value, list | tuple | set | frozenset):
                items = cast("Iterable[object]", value)
                return [self._masked(inner, depth + 1) for inner in items]
        return mask_secrets(repr(value), self._forms)


def _to_json(_: WrappedLogger, __: str, event_dict: EventDict) -> bytes:
    try:
        return orjson.dumps(event_dict)
    except TypeError:
        # Lone surrogates and integers over 64 bits: slower, but it can write them.
        return json.dumps(event_dict).encode()


def _for_people(*, colors: bool) -> tuple[Processor, ...]:
    render = structlog.dev.ConsoleRenderer(
        colors=colors, exception_formatter=structlog.dev.plain_traceback
    )

    def encode(_: WrappedLogger, __: str, line: Any) -> bytes:
        return str(line).encode("utf-8", "backslashreplace")

    return cast("Processor", render), cast("Processor", encode)


class _Forward(logging.Handler):
    """Hands the libraries' records to structlog."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except (TypeError, ValueError, KeyError):
            text = str(record.msg)  # its arguments do not fit its format
        write: Callable[..., None] = getattr(
            structlog.get_logger(), _name_of(record.levelno)
        )
        write(text, logger=record.name, exc_info=record.exc_info)


def _name_of(level: int) -> str:
    """The nearest of our levels that is not above the library's own number."""
    fitting = [name for name, number in _LEVELS.items() if number <= level]
    return fitting[-1] if fitting else "debug"


def _route_standard_logging(level: int) -> None:
    logging.basicConfig(handlers=[_Forward()], level=level, force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
