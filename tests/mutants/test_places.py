"""What is changed, and how it reads then."""

from importlib.util import find_spec

import pytest

from .places import Place, changed, places

pytestmark = pytest.mark.skipif(
    find_spec("cosmic_ray") is None, reason="Cosmic Ray is not installed"
)
SOURCE = """
from typing import TYPE_CHECKING, TypeVar

T = TypeVar("T", bound=1)
Either = int | str
if TYPE_CHECKING:
    import x


@frozen(slots=False)
class Box:
    size: int | None = field(default=3, repr=False)
    seen: bool = field(default=3, init=False)

    def put(self, what: int | None = None) -> int | None:
        # A reason.
        self.seen.add(what)
        log.debug("put", what=what)
        if what in self.seen and what < 4:
            return self.size
        return cast("int | str", what)
"""


def named(operator: str) -> list[Place]:
    return [place for place in places(SOURCE) if place.operator == operator]


def after(place: Place) -> list[str]:
    """The lines that read otherwise."""
    text = changed(SOURCE, place)
    assert text is not None
    return [
        new.strip()
        for old, new in zip(SOURCE.splitlines(), text.splitlines(), strict=True)
        if old != new
    ]


def test_types_and_what_only_checkers_see_are_left_alone() -> None:
    assert named("ReplaceBinaryOperator_BitOr_BitAnd") == []
    assert {place.text.split()[0] for place in named("NumberReplacer")} == {
        "size:",
        "seen:",
        "if",
    }
    assert len(named("ReplaceFalseWithTrue")) == 1


def test_a_statement_is_removed_for_its_effect_but_for_what_developers_log() -> None:
    (place,) = named("StatementRemoved")
    assert (place.within, place.text) == ("Box.put", "self.seen.add(what)")
    assert after(place) == ["pass"]
    assert "# A reason." in (changed(SOURCE, place) or "")


def test_a_containment_is_turned_round() -> None:
    (place,) = named("InBecomesNotIn")
    assert after(place) == ["if what not in self.seen and what < 4:"]


def test_a_bound_is_tried_on_both_sides() -> None:
    kinds = ("ReplaceComparisonOperator_Lt_LtE", "ReplaceComparisonOperator_Lt_GtE")
    signs = [after(place)[0].split("what ")[-1] for k in kinds for place in named(k)]
    assert signs == ["<= 4:", ">= 4:"]
