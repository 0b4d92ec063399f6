"""Which changes are drawn, and which are known to be none."""

from pathlib import Path

from attrs import evolve

from .equivalents import Equivalent, difference, known, stale
from .places import Place
from .sample import Candidate, drawn, shares

PLACES = [Place(n, "f", f"x = {n}", "NumberReplacer", n) for n in range(100)]


def texts(candidates: list[Candidate]) -> list[str]:
    return [candidate.place.text for candidate in candidates]


def test_code_that_moves_keeps_its_lots() -> None:
    before = [Candidate("a.py", place) for place in PLACES]
    moved = [
        Candidate(f"rules/{place.line % 3}.py", evolve(place, line=place.line + 7))
        for place in reversed(PLACES)
    ]
    assert texts(drawn(before, 1)) == texts(drawn(moved, 1))


def test_another_seed_draws_others() -> None:
    candidates = [Candidate("a.py", place) for place in PLACES]
    assert texts(drawn(candidates, 1))[:10] != texts(drawn(candidates, 2))[:10]


def test_the_same_line_twice_is_drawn_twice() -> None:
    candidates = [Candidate("a.py", PLACES[0]), Candidate("b.py", PLACES[0])]
    assert sorted(each.path for each in drawn(candidates, 1)) == ["a.py", "b.py"]


def test_each_room_has_its_share_and_a_small_one_at_least_ten() -> None:
    assert shares({"big": 1000, "half": 500, "tiny": 4, "small": 20}, 100) == {
        "big": 57,
        "half": 29,
        "tiny": 4,
        "small": 10,
    }
    assert (
        sum(shares({"big": 1731, "b": 1450, "c": 782, "d": 100}, 200).values()) == 200
    )
    assert shares({"a": 3}, 200) == {"a": 3}


def test_a_change_is_known_by_what_its_line_reads_before_and_after() -> None:
    before = "def f():\n    return (\n        1 + 2\n    )\n"
    assert difference(before, before.replace("+", "-")) == ("1 + 2", "1 - 2")
    assert difference("f(\n  1,\n)\n", "pass\n") == ("f( 1, )", "pass")


def test_one_that_is_known_is_known_for_one_reading_or_for_any() -> None:
    one, every = Equivalent("a = 1", "why", "a = 2"), Equivalent("a = 1", "why")
    assert [each.covers("a = 1", "a = 2") for each in (one, every)] == [True, True]
    assert [each.covers("a = 1", "a = 0") for each in (one, every)] == [False, True]
    assert not every.covers("b = 1", "b = 2")


def test_what_is_listed_for_a_line_that_is_gone_is_told() -> None:
    listed = [Equivalent("a = 1", "why", "a = 2"), Equivalent("b", "why")]
    assert stale(listed, ["def f():\n    a = 1\n"]) == ["b"]


def test_every_known_one_has_its_reason() -> None:
    root = Path(__file__).parents[2] / "trio_sts"
    listed = known()
    assert all(each.reason.strip() for each in listed)
    sources = [path.read_text("utf-8") for path in root.rglob("*.py")]
    assert stale(listed, sources) == []
