"""Orders of faults as an operator writes them."""

import pytest
from click.testing import CliRunner

from trio_sts.cli import main
from trio_sts.embedded import Faults, WrongFault
from trio_sts.embedded.command import model
from trio_sts.embedded.faults import TABLE


def test_without_orders_nothing_goes_wrong() -> None:
    faults = Faults.parse()
    assert faults.of("connection") == faults.of("response", 1) == {}


def test_orders_stand_apart_by_commas_or_spaces() -> None:
    faults = Faults.parse("odd-bytes, drop_after=5s", "refuse=a+b")
    assert set(faults.of("connection")) == {"odd_bytes", "drop_after"}
    assert faults.of("connection")["drop_after"].amount == 5
    assert faults.of("update")["refuse"].names == ("a", "b")


@pytest.mark.parametrize(
    ("order", "hit"),
    [
        ("empty", {1, 2, 3, 4, 5}),
        ("empty:2", {2}),
        ("empty:2-4", {2, 3, 4}),
        ("empty:3-", {3, 4, 5}),
        ("empty:1,empty:4-", {1, 4, 5}),
    ],
)
def test_an_order_says_which_responses_go_wrong(order: str, hit: set[int]) -> None:
    faults = Faults.parse(order)
    assert {n for n in range(1, 6) if "empty" in faults.of("response", n)} == hit


def test_an_order_says_which_connections_go_wrong() -> None:
    faults = Faults.parse("stall:2@1 reject_http=503@2-3")
    assert "stall" in faults.on(1).of("response", 2)
    assert not faults.on(2).of("response", 2)
    rejected = [n for n in range(1, 5) if faults.on(n).of("connection")]
    assert rejected == [2, 3]


@pytest.mark.parametrize(
    ("order", "amount"), [("stall=600ms", 0.6), ("stall=1.5s:2", 1.5), ("stall", 0)]
)
def test_times_have_their_unit(order: str, amount: float) -> None:
    assert Faults.parse(order).of("response", 2)["stall"].amount == pytest.approx(
        amount
    )


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ("nonsense", "known are slow_connect"),
        ("drop_after=soon", "drop_after=600ms"),
        ("drop_after=5", "with its unit"),
        ("drop_after", "with its unit"),
        ("odd_bytes=3", "takes no value"),
        ("reject_http=200", "HTTP status"),
        ("refuse", "needs names"),
        ("refuse=+", "needs names"),
        ("drop_after=1s:2", "drop_after@2"),
        ("empty:0", "2, 2-4 or 2-"),
        ("empty:last", "2, 2-4 or 2-"),
        ("empty@", "2, 2-4 or 2-"),
        ("=", "there is no fault"),
    ],
)
def test_a_wrong_order_is_named(order: str, told: str) -> None:
    with pytest.raises(WrongFault, match=told):
        Faults.parse(order)


def test_the_help_has_one_line_for_each_fault() -> None:
    shown = CliRunner().invoke(model, ["--help"], terminal_width=90).output
    lines = [line.strip() for line in shown.splitlines()]
    for fault in TABLE:
        (line,) = [line for line in lines if line.startswith(f"{fault.shown} ")]
        assert line.endswith(fault.about)


@pytest.mark.parametrize(
    ("orders", "told"),
    [
        (["--faults", "empty"], "needs --embedded"),
        (["--embedded", "--faults", "nonsense"], "there is no fault"),
    ],
)
def test_serve_takes_faults_for_the_built_in_model_only(
    orders: list[str], told: str
) -> None:
    environ = {"OPENAI_API_KEY": "x", "STS_EMBEDDED": ""}
    result = CliRunner().invoke(main, ["serve", *orders], env=environ)
    assert result.exit_code == 2
    assert told in result.output
