"""What is used of Cosmic Ray and its parser, with the types that they lack.

Both are looked up by name, so that the checks of types need neither.
"""

from collections.abc import Iterable
from importlib import import_module
from typing import Protocol

Position = tuple[int, int]


class Node(Protocol):
    """A part of a syntax tree; a leaf has no children."""

    type: str
    start_pos: Position
    end_pos: Position

    def get_code(self, *, include_prefix: bool = True) -> str:
        """As it is written, with white space and comments before it if asked for."""
        ...


class Branch(Node, Protocol):
    """A part that has parts."""

    children: list[Node]


class Operator(Protocol):
    """A kind of change."""

    def mutation_positions(self, node: Node) -> Iterable[tuple[Position, Position]]:
        """Where it can change this very node: one pair for each way."""
        ...

    def mutate(self, node: Branch, index: int) -> Node:
        """Change it in place, in the way of this index."""
        ...


def operator(name: str) -> Operator:
    """One of Cosmic Ray's own."""
    found: Operator = import_module("cosmic_ray.plugins").get_operator(f"core/{name}")()
    return found


def nodes(source: str) -> list[Node]:
    """All nodes of a file, in the order in which changes of one kind are counted."""
    module = import_module("cosmic_ray.ast")
    return list(module.ast_nodes(module.get_ast(source)))


def changed(source: str, kind: Operator, occurrence: int) -> str | None:
    """The file with one change of a kind; nothing if there are fewer."""
    mutating = import_module("cosmic_ray.mutating")
    after: str | None = mutating.mutate_code(source, kind, occurrence)
    return after


def snippet(code: str) -> Node:
    """Code to be put into a tree."""
    parsed: Node = import_module("parso").parse(code)
    return parsed
