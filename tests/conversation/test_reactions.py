"""The two tables know every event, and the rules keep to the parts' methods."""

import ast
from pathlib import Path
from typing import get_args

import pytest

import trio_sts.conversation
from trio_sts.conversation import inputs
from trio_sts.conversation.reactions import EVENTS, IGNORED, PASS

_CORE = Path(trio_sts.conversation.__file__).parent
_OUTSIDE_PARTS = [*_CORE.glob("*.py"), *(_CORE / "rules").glob("*.py")]
_PARTS = sorted((_CORE / "parts").glob("[a-z]*.py"))


def test_every_input_of_the_core_has_its_line_or_is_ignored_on_purpose() -> None:
    # After these two, the pass is all there is.
    of_the_clock = {inputs.Tick, inputs.Finish}
    assert set(EVENTS) | IGNORED | of_the_clock == {*get_args(inputs.Input)}
    assert not set(EVENTS) & IGNORED


def test_the_steps_of_the_pass_have_names_of_their_own() -> None:
    names = [step.name for step in PASS]
    assert len({*names}) == len(names)


@pytest.mark.parametrize(
    "path", _OUTSIDE_PARTS, ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_nobody_but_a_part_itself_writes_its_fields(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        else:
            continue
        for target in targets:
            attributes = [n for n in ast.walk(target) if isinstance(n, ast.Attribute)]
            written = [ast.unparse(each) for each in attributes]
            # `out` is the list that the commands of a pass are collected in.
            outside = [
                w
                for w in written
                if w.count(".") > 1
                and not w.endswith("._state.out")
                and "state.out" not in w
            ]
            assert not outside, f"line {node.lineno} writes {outside}"


@pytest.mark.parametrize("path", _PARTS, ids=lambda path: path.stem)
def test_a_part_says_who_may_change_it(path: Path) -> None:
    assert "Written by: " in path.read_text()
