"""Tools in Python: importing the operator's files and taking their tools out."""

import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from typing_extensions import override

from trio_sts.errors import ToolFault

from .decorated import ToolFunction, build_tool
from .loaded import LoadedFile, built
from .python_outline import read_outline
from .threads import call_either_way
from .tool import CallContext, Handler, Kind, Tool, make_tool


def load_python_file(path: Path) -> LoadedFile:
    """Import a file if its text shows that it defines tools.

    What is wrong with a file costs that file only, whatever it is.
    """
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
