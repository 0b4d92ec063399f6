"""Two kinds of change that Cosmic Ray does not know, in its own terms."""

from collections.abc import Iterator

from .cosmic import Branch, Node, Position, snippet

_CONTAINMENTS = (["in"], ["not", "in"])


class InBecomesNotIn:
    """``a in b`` becomes ``a not in b``, and the reverse."""

    def mutation_positions(self, node: Node) -> Iterator[tuple[Position, Position]]:
        """Each of the operators, of which a chain has several."""
        for operator in _containments(node):
            yield operator.start_pos, operator.end_pos

    def mutate(self, node: Branch, index: int) -> Node:
        """Replace one of them."""
        operator = _containments(node)[index]
        other = " in" if operator.get_code().split()[0] == "not" else " not in"
        node.children[node.children.index(operator)] = snippet(other)
        return node


class StatementRemoved:
    """A call for its effect, or an assignment to an attribute or item, is left out."""

    def mutation_positions(self, node: Node) -> Iterator[tuple[Position, Position]]:
        """The statement, if it is one."""
        if node.type == "simple_stmt":
            statement = _children(node)[0]
            if _has_effect(statement):
                yield statement.start_pos, statement.end_pos

    def mutate(self, node: Branch, index: int) -> Node:
        """Put ``pass`` there; white space and comments before it stay."""
        del index
        statement = node.children[0]
        bare = statement.get_code(include_prefix=False)
        node.children[0] = snippet(f"{statement.get_code().removesuffix(bare)}pass")
        return node


def _children(node: Node) -> list[Node]:
    children: list[Node] = getattr(node, "children", [])
    return children


def _containments(node: Node) -> list[Node]:
    if node.type != "comparison":
        return []
    operators = _children(node)[1::2]
    return [each for each in operators if each.get_code().split() in _CONTAINMENTS]


def _has_effect(statement: Node) -> bool:
    children = _children(statement)
    match statement.type:
        case "atom_expr" | "power":
            # What is logged for developers alone is no promise.
            called = children[-1].get_code().startswith("(")
            return called and ".debug(" not in statement.get_code()
        case "expr_stmt":
            return children[0].type in {"atom_expr", "power"}
        case kind:
            return kind == "del_stmt"
