"""Tools in Python: importing the operator's files and taking their tools out."""

import ctypes
import importlib.util
import inspect
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import structlog
import trio
from attrs import define, field
from structlog.typing import FilteringBoundLogger
from typing_extensions import override

from trio_sts.errors import ToolFault

from .decorated import ToolFunction, build_tool
from .loaded import LoadedFile, built
from .python_outline import read_outline
from .threads import call_either_way
from .tool import CallContext, Handler, Kind, Tool, make_tool

# A file may import large packages, but no caller waits for it.
LOAD_S = 10
_SLOW_S = 2
# So long a thread that is given up is watched: whether it uses any time of the processor.
_LOOK_S = 0.1

log: FilteringBoundLogger = structlog.get_logger()


async def load_python_file(path: Path) -> LoadedFile:
    """Import a file in a thread, if its text shows that it defines tools.

    What is wrong with a file costs that file only, whatever it is: also that it waits,
    or computes, for ever. A thread that waits is left alone, one that computes is told
    to end.
    """
    loading = _Loading(path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_say_that_it_takes_long, path)
        with trio.move_on_after(LOAD_S):
            await trio.to_thread.run_sync(
                loading.run, abandon_on_cancel=True, limiter=trio.CapacityLimiter(1)
            )
        result = loading.result
        if result is None:
            result = LoadedFile(faults=(f"did not load within {LOAD_S} s",))
            used_s = loading.cpu_s()
            await trio.sleep(_LOOK_S)
            if loading.cpu_s() > used_s:
                loading.abandon()
        nursery.cancel_scope.cancel(reason="the file is loaded, or given up")
    return result


async def _say_that_it_takes_long(path: Path) -> None:
    await trio.sleep(_SLOW_S)
    log.warning("tool file takes long to load", source=str(path))


class _GivenUp(BaseException):
    """Raised in a thread whose file takes too long, past its ``except Exception``."""


@define
class _Loading:
    """The loading of one file; ``result`` is None until it is over."""

    path: Path
    result: LoadedFile | None = None
    _thread_id: int | None = None
    # Held while the thread is spoken of: another file may be in the same one later.
    _is_this_one: threading.Lock = field(factory=threading.Lock, init=False)

    def run(self) -> None:
        self._thread_id = threading.get_ident()
        try:
            self.result = _loaded(self.path)
        except BaseException as exc:  # noqa: BLE001, ASYNC103  # a foreign file, in a thread
            self.result = LoadedFile(faults=(f"cannot be imported: {exc!r}",))
        finally:
            with self._is_this_one:
                self._thread_id = None

    def cpu_s(self) -> float:
        """The processor's time that the thread has used; 0 if it is over."""
        # Not every system tells it.
        clock_of = getattr(time, "pthread_getcpuclockid", None)
        with self._is_this_one:
            if self._thread_id is None or clock_of is None:
                return 0.0
            return time.clock_gettime(clock_of(self._thread_id))

    def abandon(self) -> None:
        """End a thread that still computes.

        Not one that waits for ever: it would never take the exception, and until some
        thread does CPython interrupts all of them before every call; with a tracer,
        3.11 then goes no further at all.
        """
        with self._is_this_one:
            if self._thread_id is not None:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(self._thread_id), ctypes.py_object(_GivenUp)
                )


def _loaded(path: Path) -> LoadedFile:
    try:
        outline = read_outline(path)
        if outline.missing and not outline.decorated:
            return LoadedFile(faults=(f"no {outline.missing!r} at its top level",))
        if not outline.is_plain and not outline.decorated:
            return LoadedFile()
        module = _imported(path)
    except ToolFault as fault:
        return LoadedFile(faults=(str(fault),))
    builders = [*_decorated(module, path)]
    if outline.is_plain:
        builders.insert(0, partial(_plain_tool, module, path))
    return built(builders)


class _UncachedLoader(SourceFileLoader):
    """Leaves no compiled files in a folder that is not ours."""

    @override
    def set_data(self, path: str, data: Any, *, _mode: int = 0o666) -> None:
        del path, data


def _imported(path: Path) -> ModuleType:
    # Last in line: a tool's helper beside it can be imported, and can shadow nothing.
    folder = str(path.parent)
    if folder not in sys.path:
        sys.path.append(folder)
    name = f"_trio_sts_tools.{path.parent.name}.{path.stem}"
    loader = _UncachedLoader(name, str(path))
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    if spec is None:
        raise ToolFault("cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as exc:  # a foreign file may raise anything
        del sys.modules[name]
        fault = f"cannot be imported: {type(exc).__name__}: {exc}"
        raise ToolFault(fault) from exc
    return module


def _decorated(module: ModuleType, path: Path) -> Iterator[Callable[[], Tool]]:
    for value in vars(module).values():
        # Not those that it only imported.
        if not isinstance(value, ToolFunction):
            continue
        offered = cast("ToolFunction[..., Any]", value)
        if offered.function.__module__ == module.__name__:
            yield partial(build_tool, offered, str(path))


def _plain_tool(module: ModuleType, path: Path) -> Tool:
    handler: object = getattr(module, "handler", None)
    if not callable(handler):
        raise ToolFault("handler must be a function of (uuid, args)")
    return make_tool(
        name=getattr(module, "name", None),
        description=getattr(module, "description", None),
        input_schema=getattr(module, "input_schema", None),
        handler=_adapted(handler),
        kind=Kind.PYTHON,
        source=str(path),
        ends_call=getattr(module, "ends_call", None),
    )


def _adapted(handler: Callable[..., object]) -> Handler:
    try:
        inspect.signature(handler).bind("uuid", {})
    except TypeError as exc:
        raise ToolFault("handler must take (uuid, args)") from exc

    async def run(args: Mapping[str, Any], context: CallContext) -> object:
        return await call_either_way(context.threads, handler, context.uuid, args)

    return run
