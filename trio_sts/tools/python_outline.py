"""Reading what a Python file defines without running it."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from trio_sts.errors import ToolFault

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@frozen
class Decorated:
    """A function under ``@tool``, as far as it can be read from its text."""

    name: str
    description: str
    ends_call: object = None


@frozen
class Outline:
    """The top level of a file: names with their literal values, decorated functions."""

    assigned: frozenset[str]
    literals: Mapping[str, Any]
    decorated: tuple[Decorated, ...]

    @property
    def is_plain(self) -> bool:
        """Whether the file is one tool in the plain way: ``name`` and ``handler``."""
        return {"name", "handler"} <= self.assigned

    @property
    def missing(self) -> str | None:
        """What a plain tool lacks, if the file has only one half of it."""
        halves = {"name", "handler"} - self.assigned
        return halves.pop() if len(halves) == 1 else None


def read_outline(path: Path) -> Outline:
    """Parse a file.

    Raises:
        ToolFault: It cannot be read, or is not Python.
    """
    try:
        body = ast.parse(path.read_bytes(), str(path)).body
    except SyntaxError as exc:
        fault = f"not Python: {exc.msg} in line {exc.lineno}"
        raise ToolFault(fault) from exc
    except (OSError, ValueError, RecursionError, MemoryError) as exc:
        fault = f"cannot be read: {exc}"
        raise ToolFault(fault) from exc
    values = dict(_assignments(body))
    return Outline(
        assigned=frozenset(values),
        literals={name: _literal(value) for name, value in values.items()},
        decorated=tuple(_decorated(body)),
    )


def _assignments(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr | None]]:
    for statement in body:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield statement.name, None
            case ast.Assign():
                for target in statement.targets:
                    yield from _named(target, statement.value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value
            case _:
                pass


def _named(
    target: ast.expr, value: ast.expr | None
) -> Iterator[tuple[str, ast.expr | None]]:
    """Also of ``name, description = "…", "…"``, and of the like."""
    match target:
        case ast.Name(id=name):
            yield name, value
        case ast.Tuple(elts=names) | ast.List(elts=names):
            parts = value.elts if isinstance(value, ast.Tuple | ast.List) else []
            is_plain = len(parts) == len(names)
            for index, each in enumerate(names):
                yield from _named(each, parts[index] if is_plain else None)
        case _:
            pass


def _literal(value: ast.expr | None) -> Any:
    if value is None:
        return None
    try:
        return ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _decorated(body: list[ast.stmt]) -> Iterator[Decorated]:
    for statement in body:
        if not isinstance(statement, _Function):
            continue
        for decorator in statement.decorator_list:
            call = decorator if isinstance(decorator, ast.Call) else None
            if _last_name(call.func if call else decorator) == "tool":
                yield _as_written(statement, call)
                break


def _last_name(expression: ast.expr) -> str | None:
    match expression:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return None


def _as_written(function: _Function, call: ast.Call | None) -> Decorated:
    given = {word.arg: _literal(word.value) for word in call.keywords} if call else {}
    summary = (ast.get_docstring(function) or "").partition("\n\n")[0]
    return Decorated(
        name=str(given.get("name") or function.name),
        description=str(given.get("description") or summary),
        ends_call=given.get("ends_call"),
    )
