"""What the bench tells: its tables, its verdict, its place in the documentation."""

from pathlib import Path

import pytest
from attrs import evolve

from bench.load import Churn, Load, Measured, Side, Times
from bench.machine import Machine
from bench.plan import loads
from bench.relays import Relay
from bench.report import (
    BEGIN,
    END,
    EVERYTHING,
    HEADS,
    Row,
    cpu_ratios,
    markdown,
    with_figures,
)

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
TEN = Load(10)
QUIET = Times(0.3, 0.5, 0.9, 2.0)
SIDE = Side(0.3, 0.5, 0.9, 2.0, 5000, 0, 0, 0, 21.0)
CLEAN = Measured(
    calls=10,
    seconds=10,
    line="pcm8k",
    format="pcm",
    cpu_s=1.0,
    processes=1,
    waited_s=0,
    idle_kib=60_000,
    loaded_kib=61_000,
    up=SIDE,
    down=SIDE,
    set_up=QUIET,
    churn=Churn(0, 0, 0, 0, 0, 0),
    load_cpu_s=1,
    late_p99_ms=0.1,
    odd_frames=0,
    errors=0,
    interruptions=0,
    ended_early=0,
    left_open=0,
)
MACHINE = Machine("a processor", 2, "6.1", "3.11.7", "0.1.0", "0.31.0", "2026-01-02T03")


def _row(*runs: Measured, load: Load = TEN) -> Row:
    return Row(Relay("relay", ("trio-sts",)), load, runs)


def test_cpu_is_told_for_a_call_and_second() -> None:
    assert CLEAN.cpu_ms_per_call_s == pytest.approx(10)
    assert CLEAN.kib_per_call == pytest.approx(100)


def test_a_row_shows_the_median_of_its_runs_and_all_that_was_lost() -> None:
    runs = [evolve(CLEAN, cpu_s=cpu_s, up=evolve(SIDE, lost=1)) for cpu_s in (1, 2, 9)]
    cells = dict(zip(HEADS, _row(*runs).cells(), strict=True))
    assert cells["CPU, ms per call and second"] == "20.0"
    assert cells["lost"] == "3"


def test_a_lost_frame_fails_a_run_unless_the_core_was_full() -> None:
    losing = evolve(CLEAN, up=evolve(SIDE, lost=1))
    assert not _row(CLEAN).failed
    assert _row(CLEAN, losing).failed
    assert not _row(evolve(losing, cpu_s=9.5)).failed


def test_a_relay_that_had_to_wait_for_its_core_is_called_disturbed() -> None:
    remarks = _row(evolve(CLEAN, waited_s=1.0)).cells()[-1]
    assert remarks == "disturbed: waited 10% of the time for its core"


def test_faults_of_all_runs_are_counted_together() -> None:
    runs = [evolve(CLEAN, errors=1), evolve(CLEAN, errors=2, left_open=4)]
    assert _row(*runs).cells()[-1] == "3 errors; 4 sockets left open"


def test_arriving_calls_have_their_own_set_up_and_no_cost_is_told() -> None:
    churned = evolve(CLEAN, churn=Churn(7.5, 8, 9, 10, 50, 0))
    cells = dict(zip(HEADS, _row(churned, load=Load(10, 5)).cells(), strict=True))
    assert cells["calls"] == "10, 5 more arrive a second"
    assert cells["set-up, ms"] == "7.5"
    assert not cells["CPU, ms per call and second"]


def test_ratios_are_those_of_runs_side_by_side() -> None:
    slower = evolve(CLEAN, cpu_s=4.0)
    ours, other = _row(CLEAN, CLEAN), _row(slower, evolve(CLEAN, cpu_s=2.0))
    assert cpu_ratios(ours, other) == pytest.approx([0.25, 0.5])


def test_figures_take_the_place_of_older_ones() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    figures = markdown([_row(CLEAN)], MACHINE)
    fresh = with_figures(page, figures)
    assert fresh == f"before\n{BEGIN}\n{figures}\n{END}\nafter\n"
    assert with_figures(fresh, figures) == fresh


def test_a_table_has_as_many_cells_in_every_line() -> None:
    table = markdown([_row(CLEAN), _row(CLEAN)], MACHINE).splitlines()[-4:]
    assert {line.count("|") for line in table} == {len(HEADS) + 1}


def test_a_page_without_marks_is_left_alone() -> None:
    with pytest.raises(ValueError, match="no marks"):
        with_figures("nothing here", "figures")


def test_the_documentation_has_a_place_for_figures() -> None:
    assert "fresh" in with_figures(PAGE.read_text("utf-8"), "fresh")


def test_unless_told_otherwise_arriving_calls_come_last() -> None:
    asked = loads((), 0, seconds=1, burst=1)
    assert [load.calls for load in asked] == [10, 50, 100, 150, 200, 300, 50, 10]
    assert [load.churn for load in asked] == [0, 0, 0, 0, 0, 0, 0, 5]
    assert [load.turns_s for load in asked] == [0, 0, 0, 0, 0, 0, 10, 0]


def test_numbers_of_calls_stand_alone_or_each_with_arriving_ones() -> None:
    assert loads((7, 8), 0, seconds=1, burst=2) == (
        Load(7, 0, 1, 2),
        Load(8, 0, 1, 2),
    )
    assert loads((7,), 3, seconds=1, burst=1) == (Load(7, 3, 1, 1),)
    assert loads((), 3, seconds=1, burst=1) == (Load(10, 3, 1, 1),)


def test_calls_that_take_turns_say_so() -> None:
    (load,) = loads((7,), 0, seconds=1, burst=1, turns_s=4)
    assert load.label == "7, turns of 4 s"


def test_a_row_with_everything_on_says_so() -> None:
    relay = Relay(EVERYTHING, ("trio-sts",), tls=True)
    assert Row(relay, TEN, (CLEAN,)).cells()[0] == "10, everything on"


def test_an_endpoint_with_tls_is_dialled_so() -> None:
    for tls, scheme in ((True, "https"), (False, "http")):
        env = Relay("relay", ("trio-sts",), tls=tls).environment(1, 2)
        assert env["OPENAI_BASE_URL"] == f"{scheme}://127.0.0.1:2/v1"
