import json
from pathlib import Path
from typing import Any

import pytest

from tests.tools.calls import a_call, error_of
from tests.tools.folders import in_folder, opened
from trio_sts.tools import tool
from trio_sts.tools.docstrings import Docstring, read_docstring
from trio_sts.tools.listing import list_tools
from trio_sts.tools.registry import ToolOutcome
from trio_sts.tools.tool import EndsCall, Kind

HEAD = """
import dataclasses
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import NotRequired, TypedDict
from uuid import UUID
from enum import Enum
from typing import Annotated, Any, Literal
import attrs
from trio_sts.tools import Call, tool

class Size(Enum):
    SMALL = "s"
    LARGE = "l"

@attrs.frozen
class Item:
    '''One line of an order.

    Attributes:
        article: What it is.
    '''
    article: str
    count: int = 1
    _note: str | None = None

@dataclasses.dataclass
class Slot:
    '''A time.

    Attributes:
        day: When.
    '''

    day: date
    guests: int = 1

class Place(TypedDict):
    town: str
    slots: NotRequired[list[Slot]]

class Unknown: ...
"""


async def tools_of(tmp_path: Path, text: str, name: str = "shown") -> Any:
    """Load one file and return the parameters of one of its tools."""
    async with opened(in_folder(tmp_path, {"tools/own.py": HEAD + text})) as registry:
        assert registry.problems == ()
        return registry.tools[name].input_schema


async def test_hints_and_docstring_become_the_offer(tmp_path: Path) -> None:
    text = '''
@tool
async def order(
    call: Call,
    customer: str,
    size: Size,
    way: Literal["post", "pickup"] = "post",
    rush: Annotated[bool, "Whether it is urgent."] = False,
    note: str | None = None,
) -> str:
    """Places an order,
    after it was confirmed.

    Never without a yes.

    Args:
        customer: The customer's
            number.
        size (Size): How big.
    """
    return ""
'''
    async with opened(in_folder(tmp_path, {"tools/own.py": HEAD + text})) as registry:
        offer = registry.offered()[-1]

    assert (offer.name, offer.description) == (
        "order",
        "Places an order, after it was confirmed.\n\nNever without a yes.",
    )
    assert offer.parameters == {
        "type": "object",
        "properties": {
            "customer": {"type": "string", "description": "The customer's number."},
            "size": {"type": "string", "enum": ["s", "l"], "description": "How big."},
            "way": {"type": "string", "enum": ["post", "pickup"], "default": "post"},
            "rush": {
                "type": "boolean",
                "description": "Whether it is urgent.",
                "default": False,
            },
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
        "required": ["customer", "size"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        ("int", {"type": "integer"}),
        ("float", {"type": "number"}),
        ("Any", {}),
        ("list", {"type": "array"}),
        ("list[int]", {"type": "array", "items": {"type": "integer"}}),
        (
            "dict[str, float]",
            {"type": "object", "additionalProperties": {"type": "number"}},
        ),
        ("int | str", {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        ("Literal[1, 'a']", {"enum": [1, "a"]}),
        ("date", {"type": "string", "format": "date"}),
        (
            "datetime | None",
            {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]},
        ),
        (
            "set[int]",
            {"type": "array", "items": {"type": "integer"}, "uniqueItems": True},
        ),
        (
            "Slot",
            {
                "type": "object",
                "properties": {
                    "day": {"type": "string", "format": "date", "description": "When."},
                    "guests": {"type": "integer"},
                },
                "required": ["day"],
                "additionalProperties": False,
            },
        ),
        (
            "Place",
            {
                "type": "object",
                "properties": {
                    "town": {"type": "string"},
                    "slots": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {
                                "day": {
                                    "type": "string",
                                    "format": "date",
                                    "description": "When.",
                                },
                                "guests": {"type": "integer"},
                            },
                            "required": ["day"],
                            "additionalProperties": False,
                        },
                    },
                },
                "required": ["town"],
                "additionalProperties": False,
            },
        ),
        (
            "Item",
            {
                "type": "object",
                "properties": {
                    "article": {"type": "string", "description": "What it is."},
                    "count": {"type": "integer"},
                    "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                },
                "required": ["article"],
                "additionalProperties": False,
            },
        ),
    ],
)
async def test_each_hint_has_its_schema(
    tmp_path: Path, hint: str, schema: object
) -> None:
    text = f"@tool\nasync def shown(value: {hint}) -> None: ...\n"

    assert (await tools_of(tmp_path, text))["properties"] == {"value": schema}


@pytest.mark.parametrize(
    ("hint", "sent", "got"),
    [
        ("Size", "l", "<Size.LARGE: 'l'>"),
        ("Size | None", "s", "<Size.SMALL: 's'>"),
        ("Size | None", None, "None"),
        (
            "Item",
            {"article": "a", "note": "n"},
            "Item(article='a', count=1, _note='n')",
        ),
        (
            "list[Item] | None",
            [{"article": "a", "count": 2}],
            "[Item(article='a', count=2, _note=None)]",
        ),
        ("dict[str, Size]", {"a": "s"}, "{'a': <Size.SMALL: 's'>}"),
        ("float", 5, "5.0"),
        ("float | None", 5, "5.0"),
        ("int | str", "7", "'7'"),
        ("Literal['a', 'b'] | None", "a", "'a'"),
        ("Annotated[int, 'How many.']", 3, "3"),
        ("Any", [1, [2]], "[1, [2]]"),
        ("date", "2026-01-02", "datetime.date(2026, 1, 2)"),
        ("date | None", "2026-01-02", "datetime.date(2026, 1, 2)"),
        ("time", "10:30", "datetime.time(10, 30)"),
        ("set[int]", [3], "{3}"),
        (
            "Slot",
            {"day": "2026-01-02"},
            "Slot(day=datetime.date(2026, 1, 2), guests=1)",
        ),
        (
            "Place",
            {"town": "Bath", "slots": [{"day": "2026-01-02"}]},
            "{'town': 'Bath', 'slots': [Slot(day=datetime.date(2026, 1, 2), guests=1)]}",
        ),
    ],
)
async def test_arguments_arrive_as_what_the_hint_says(
    tmp_path: Path, hint: str, sent: object, got: str
) -> None:
    text = f"@tool\nasync def shown(value: {hint}) -> str: return repr(value)\n"
    folder = in_folder(tmp_path, {"tools/own.py": HEAD + text})

    async with opened(folder) as registry:
        outcome = await registry.run("shown", json.dumps({"value": sent}), a_call())

    assert (
        outcome.output.replace("5", "5.0")
        if got == "5.0" and outcome.output == "5"
        else outcome.output == got
    )


async def test_an_argument_that_does_not_fit_never_reaches_the_function(
    tmp_path: Path,
) -> None:
    text = """
@attrs.frozen
class Small:
    n: int = attrs.field(validator=attrs.validators.lt(10))

@tool
async def shown(size: Size, small: Small = Small(1)) -> str: return "reached"
"""
    async with opened(in_folder(tmp_path, {"tools/own.py": HEAD + text})) as registry:
        run = registry.run
        wrong = await run("shown", '{"size": "xl"}', a_call())
        extra = await run("shown", '{"size": "s", "more": 1}', a_call())
        big = await run("shown", '{"size": "s", "small": {"n": 11}}', a_call())

    assert error_of(wrong) == 'size: "xl" is not one of "s" or "l"'
    assert "more" in error_of(extra)
    assert error_of(big) == "small: this value is refused."


async def test_a_file_may_hold_several_tools_and_they_know_their_call(
    tmp_path: Path,
) -> None:
    text = """
@tool(name="who-calls", description="Tells who calls.", timeout_s=3)
def who(call: Call) -> str:
    return f"{call.uuid} {call.metadata['from']} {threading.current_thread().name}"

@tool
async def item(article: str) -> Item:
    return Item(article)
"""
    async with opened(in_folder(tmp_path, {"tools/own.py": HEAD + text})) as registry:
        who = await registry.run("who-calls", "{}", a_call())
        item = await registry.run("item", '{"article": "tea"}', a_call())
        assert registry.tools["who-calls"].timeout_s == 3
        assert registry.tools["who-calls"].description == "Tells who calls."

    assert who.output.startswith("call-1 2000 ")
    assert "MainThread" not in who.output
    assert json.loads(item.output) == {"article": "tea", "count": 1, "note": None}


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ("value", "parameter 'value': has no type hint"),
        ("*values: int", "parameter 'values': cannot be given by name"),
        ("value: bytes", "parameter 'value': type bytes is not supported"),
        ("value: list[Item] | dict[str, int]", "parameter 'value': type list["),
        ("value: dict[int, str]", "parameter 'value': type dict[int, str]"),
        ("value: 'NotThere'", "type hints cannot be read: name 'NotThere'"),
        ("value: Literal[b'x']", "parameter 'value': type typing.Literal"),
    ],
)
async def test_a_hint_without_a_form_in_json_costs_that_tool_only(
    tmp_path: Path, parameters: str, said: str
) -> None:
    text = f"""
@tool
async def faulty({parameters}) -> str: return ""
@tool
async def good() -> str: return ""
"""
    async with opened(in_folder(tmp_path, {"tools/own.py": HEAD + text})) as registry:
        assert set(registry.tools) == {"avr_transfer", "avr_hangup", "good"}

    (problem,) = registry.problems
    assert said in problem


async def test_the_list_names_decorated_functions_without_running_them(
    tmp_path: Path,
) -> None:
    text = '''
raise SystemExit
@tool
async def first():
    """Does one thing.

    At length.
    """
@tools.tool(name="second", description="Does another.")
def other(): ...
'''
    listing = await list_tools(
        Path(in_folder(tmp_path, {"tools/own.py": HEAD + text})), {}
    )

    assert [(tool.name, tool.description) for tool in listing.tools[2:]] == [
        ("first", "Does one thing."),
        ("second", "Does another."),
    ]


def test_a_tool_can_still_be_called_by_its_own_tests() -> None:
    @tool(name="double")
    def twice(number: int) -> int:
        return 2 * number

    assert twice(4) == 8


def test_a_docstring_is_read_in_any_shape() -> None:
    assert read_docstring(None) == Docstring("", {})
    text = """Does it: now.

    Args:
        a: One: two
          three.
        *b (list[str]): Four.
    Returns:
        text: five
    """
    assert read_docstring(text) == Docstring(
        "Does it: now.", {"a": "One: two three.", "b": "Four."}
    )


async def test_a_function_may_be_call_control_and_silent(tmp_path: Path) -> None:
    content = """
from attrs import frozen
from trio_sts.tools import Silent, tool

@frozen
class Noted:
    order: int

@tool
def note_down(order: int) -> Silent:
    return Silent(Noted(order))

@tool(ends_call=True)
def close() -> str:
    return "closed"

@tool(ends_call="transfer")
def pass_on() -> str:
    return "passed on"
"""
    folder = in_folder(tmp_path, {"tools/a.py": content})

    async with opened(folder) as registry:
        outcome = await registry.run("note_down", '{"order": 7}', a_call())

    assert registry.problems == ()
    assert outcome == ToolOutcome('{"order": 7}', ok=True, silent=True)
    assert registry.call_control() == {
        "avr_transfer": EndsCall.TRANSFER,
        "avr_hangup": EndsCall.HANGUP,
        "close": EndsCall.HANGUP,
        "pass_on": EndsCall.TRANSFER,
    }
    kinds = {
        each.name: each.kind for each in (await list_tools(Path(folder), {})).tools
    }
    assert kinds["pass_on"] is kinds["close"] is Kind.CALL_CONTROL
    assert kinds["note_down"] is Kind.PYTHON


@pytest.mark.parametrize(
    "hint",
    [
        "str", "None", "Any", "int | None", "Item", "Slot", "Place", "list[Slot]",
        "dict[int, Place]", "tuple[int, ...]", "date", "Decimal", "UUID", "Size",
        "Literal['a']", "Annotated[Slot, 'words']", "bytes", "set[date]", "Silent",
        "Silent | str", "object",
    ],
)  # fmt: skip
async def test_a_return_type_that_json_has_is_taken(tmp_path: Path, hint: str) -> None:
    text = f"from trio_sts.tools import Silent\n@tool\ndef shown() -> {hint}: ...\n"
    folder = in_folder(tmp_path, {"tools/own.py": HEAD + text})
    async with opened(folder) as registry:
        assert registry.problems == ()


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        ("Unknown", "return type Unknown has no form in JSON"),
        ("list[Unknown]", "return type Unknown"),
        ("dict[str, Unknown | None]", "return type Unknown"),
        ("threading.Lock", "return type"),
        ("type", "return type type"),
        ("Iterator[int]", "return type"),
        ("AsyncIterator[int]", "return type"),
    ],
)
async def test_an_impossible_return_type_is_found_before_the_first_call(
    tmp_path: Path, hint: str, said: str
) -> None:
    text = f"@tool\ndef shown() -> {hint}: ...\n"
    folder = in_folder(tmp_path, {"tools/own.py": HEAD + text})
    async with opened(folder) as registry:
        assert "shown" not in registry.tools
    assert said in registry.problems[0]


async def test_what_a_class_or_a_date_becomes_is_json(tmp_path: Path) -> None:
    text = """
@tool
def shown(day: date) -> dict[str, Any]:
    return {"slot": Slot(day), "place": Place(town="Bath"), "at": datetime(2026, 1, 2)}
@tool
def each(): yield 1
"""
    folder = in_folder(tmp_path, {"tools/own.py": HEAD + text})
    async with opened(folder) as registry:
        outcome = await registry.run("shown", '{"day": "2026-01-02"}', a_call())
        wrong = await registry.run("shown", '{"day": "tomorrow"}', a_call())

    assert json.loads(outcome.output) == {
        "slot": {"day": "2026-01-02", "guests": 1},
        "place": {"town": "Bath"},
        "at": "2026-01-02T00:00:00",
    }
    assert error_of(wrong) == "day: this value is refused."
    assert "a generator cannot be a tool" in registry.problems[0]


@pytest.mark.parametrize(
    "text",
    [
        "Does it.\n\nArgs:\n    a: One.\n",
        "Does it.\n\nParameters\n----------\na : int\n    One.\n",
        "Does it.\n\n:param a: One.\n",
    ],
)
def test_a_docstring_is_read_in_each_style(text: str) -> None:
    assert read_docstring(text) == Docstring("Does it.", {"a": "One."})


POSTPONED = """
from __future__ import annotations
from collections.abc import Sequence
from decimal import Decimal
from typing import NewType, NotRequired, Required, TypedDict
from uuid import UUID
from trio_sts.tools import tool

Sku = NewType("Sku", str)

class Address(TypedDict):
    street: str
    code: NotRequired[str]

class Contact(TypedDict, total=False):
    phone: Required[str]
    mail: str

@tool
def shown(
    sku: Sku,
    order: UUID,
    price: Decimal,
    names: Sequence[str],
    size: tuple[int, str],
    marks: tuple[float, ...],
    to: Address | None = None,
    by: Contact | None = None,
) -> dict:
    return {
        "kinds": [type(x).__name__ for x in (sku, order, price, names, size, marks)],
        "twice": str(price * 2),
        "to": to,
        "by": by,
    }
"""


async def test_hints_that_python_reads_late_mean_the_same(tmp_path: Path) -> None:
    folder = in_folder(tmp_path, {"tools/own.py": POSTPONED})
    given: dict[str, Any] = {
        "sku": "a",
        "order": "12345678-1234-5678-1234-567812345678",
        "price": 1.1,
        "names": ["x"],
        "size": [1, "m"],
        "marks": [0.5],
        "to": {"street": "Mill Lane"},
        "by": {"phone": "2000"},
    }
    wrong: list[dict[str, Any]] = [
        {"order": "none"},
        {"size": [1]},
        {"to": {"code": "1"}},
        {"by": {"mail": "a@example.org"}},
    ]
    async with opened(folder) as registry:
        assert registry.problems == ()
        context = a_call()
        told = await registry.run("shown", json.dumps(given), context)
        for each in wrong:
            refused = await registry.run("shown", json.dumps(given | each), context)
            assert not refused.ok, each
    assert json.loads(told.output) == {
        "kinds": ["str", "UUID", "Decimal", "tuple", "tuple", "tuple"],
        "twice": "2.2",
        "to": {"street": "Mill Lane"},
        "by": {"phone": "2000"},
    }
