"""Where the code can be changed, and how it reads then.

The changes are Cosmic Ray's, of each kind the one that tells most (``<`` becomes ``<=``
and ``>=``, not also ``is``), and two of ours. Types are left alone, since nothing runs
them, and so is what only the type checkers see.
"""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain

from attrs import frozen

from . import cosmic
from .operators import InBecomesNotIn, StatementRemoved

_BINARY = (
    "Add_Sub", "Sub_Add", "Mul_FloorDiv", "Div_Mul", "FloorDiv_Mul", "Mod_FloorDiv",
    "Pow_Mul", "LShift_RShift", "RShift_LShift", "BitOr_BitAnd", "BitAnd_BitOr",
    "BitXor_BitAnd",
)  # fmt: skip
_COMPARISON = (
    "Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE", "GtE_Gt", "GtE_Lt",
    "Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is",
)  # fmt: skip
_OTHERS = (
    "ReplaceUnaryOperator_Delete_Not", "ReplaceUnaryOperator_USub_UAdd", "AddNot",
    "ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr",
    "ReplaceOrWithAnd", "ReplaceBreakWithContinue", "ReplaceContinueWithBreak",
    "NumberReplacer", "ZeroIterationForLoop",
)  # fmt: skip
_NAMES = [
    *(f"ReplaceBinaryOperator_{name}" for name in _BINARY),
    *(f"ReplaceComparisonOperator_{name}" for name in _COMPARISON),
    *_OTHERS,
]


@frozen
class Place:
    """One change that can be made.

    Attributes:
        line: Where it starts, from 1.
        within: The functions and classes around it, with dots.
        text: The line there, stripped.
        operator: The kind of change.
        occurrence: How many places of this kind come before it in the file, plus those
            before it among the same node's.
    """

    line: int
    within: str
    text: str
    operator: str
    occurrence: int


@cache
def _operators() -> dict[str, cosmic.Operator]:
    return {
        **{name: cosmic.operator(name) for name in _NAMES},
        "InBecomesNotIn": InBecomesNotIn(),
        "StatementRemoved": StatementRemoved(),
    }


def places(source: str) -> list[Place]:
    """Every change that can be made in a file."""
    lines = source.splitlines()
    tree = ast.parse(source)
    left_alone = list(_left_alone(tree))
    names = _names(tree, len(lines))
    nodes = cosmic.nodes(source)
    found: list[Place] = []
    for name, operator in _operators().items():
        positions = chain.from_iterable(map(operator.mutation_positions, nodes))
        for occurrence, (start, _end) in enumerate(positions):
            if not any(first <= start < last for first, last in left_alone):
                line = start[0]
                text = lines[line - 1].strip()
                found.append(Place(line, names[line], text, name, occurrence))
    return found


def changed(source: str, place: Place) -> str | None:
    """The file with this one change; nothing if that is no Python, or no change."""
    after = cosmic.changed(source, _operators()[place.operator], place.occurrence)
    if after is None:
        return None
    try:
        same = ast.dump(ast.parse(after)) == ast.dump(ast.parse(source))
    except SyntaxError:
        return None
    return None if same else after


_Position = tuple[int, int]


def _left_alone(tree: ast.Module) -> Iterator[tuple[_Position, _Position]]:
    for node in ast.walk(tree):
        for kept in _kept(node):
            yield (
                (kept.lineno, kept.col_offset),
                (kept.end_lineno or kept.lineno, kept.end_col_offset or 0),
            )
    # At the top of a file a bar joins types.
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and _joins(statement.value):
            value = statement.value
            yield (
                (value.lineno, value.col_offset),
                (value.end_lineno or value.lineno, value.end_col_offset or 0),
            )


def _kept(node: ast.AST) -> Iterable[ast.expr | ast.stmt]:
    match node:
        case (
            ast.AnnAssign(annotation=annotation)
            | ast.arg(annotation=ast.expr() as annotation)
        ):
            return (annotation,)
        case (
            ast.FunctionDef(returns=ast.expr() as returns)
            | ast.AsyncFunctionDef(returns=ast.expr() as returns)
        ):
            return (returns,)
        case ast.ClassDef(decorator_list=decorators):
            # How a class is built, and not what it does.
            return decorators
        case ast.Call(func=ast.Name(id="field"), keywords=keywords):
            # Who makes an object gives no more than before.
            return [each.value for each in keywords if each.arg == "init"]
        case (
            ast.If(test=ast.Name(id="TYPE_CHECKING"))
            | ast.Import()
            | ast.ImportFrom()
            | ast.Call(func=ast.Name(id="TypeVar" | "cast" | "assert_never"))
        ):
            return (node,)
        case _:
            return ()


def _joins(value: ast.expr) -> bool:
    return isinstance(value, ast.BinOp) and isinstance(value.op, ast.BitOr)


def _names(tree: ast.Module, count: int) -> list[str]:
    """By line, the functions and classes around it."""
    names = [""] * (count + 1)
    for node in ast.walk(tree):
        # Breadth first: who is inside comes later.
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                names[line] = f"{names[line]}.{node.name}".lstrip(".")
    return names
