"""What is answered to what, as plain functions."""

import json
from typing import Any

import pytest

from trio_sts.conversation.parts.sequencer import Ask
from trio_sts.conversation.rules import asks
from trio_sts.embedded.brain import knowledge
from trio_sts.embedded.brain.answers import Reply, answer
from trio_sts.embedded.brain.dialogue import asked_to_say, next_reply
from trio_sts.embedded.brain.grammar import sentences
from trio_sts.embedded.brain.numbers import spell, to_digits
from trio_sts.embedded.brain.tools import call, spoken_name, tell
from trio_sts.embedded.content import Part, SpokenWord
from trio_sts.embedded.items import Item


def tool(name: str, **parameters: Any) -> dict[str, Any]:
    return {"type": "function", "name": name, "parameters": parameters}


TRANSFER = tool("avr_transfer")
HANGUP = tool("avr_hangup")


@pytest.mark.parametrize(
    ("words", "digits"),
    [
        ("two hundred", "200"),
        ("one oh one", "101"),
        ("one zero one", "101"),
        ("forty two", "42"),
        ("twenty", "20"),
        ("twelve", "12"),
        ("three hundred and five", "305"),
        ("nine hundred forty two", "942"),
        ("five five five one", "5551"),
        ("two thousand", "2000"),
        ("200", "200"),
        ("to the 7 please", "7"),
        ("hundred", ""),
        ("good morning", ""),
    ],
)
def test_numbers_are_understood(words: str, digits: str) -> None:
    assert to_digits(words) == digits


def test_keys_are_read_one_by_one() -> None:
    assert spell("10*#") == "one zero star hash"
    assert answer("[The caller pressed these keys: 12#]", ()).say == (
        "You pressed one two hash."
    )
    assert answer("42", ()).say == "You pressed four two."


def test_every_sentence_of_the_grammar_has_an_answer_of_its_own() -> None:
    for sentence in sentences():
        assert answer(sentence, (), "last words").say != knowledge.INAUDIBLE


@pytest.mark.parametrize("said", ["", "tell me about cats", "transfer me to", "¿qué?"])
def test_what_is_not_understood_is_asked_for_again(said: str) -> None:
    assert answer(said, ()).say == knowledge.INAUDIBLE


def test_a_transfer_is_announced_and_called() -> None:
    reply = answer("Transfer me to two hundred, please.", [TRANSFER])
    assert "two zero zero" in reply.say
    assert json.loads(reply.calls[0].arguments) == {"transfer_extension": "200"}
    assert answer("transfer me to 200", []).calls == ()


def test_goodbye_hangs_up_if_it_can() -> None:
    assert answer("goodbye", [HANGUP]).calls[0].name == "avr_hangup"
    assert answer("goodbye", []) == Reply(knowledge.FAREWELL)


def test_a_tool_is_called_by_its_name_with_fitting_arguments() -> None:
    ticket = tool(
        "create_ticket",
        type="object",
        required=["title", "level", "urgent", "count", "tags", "more", "limit"],
        properties={
            "title": {"type": "string"},
            "level": {"enum": ["low", "high"]},
            "urgent": {"type": "boolean"},
            "count": {"type": "integer"},
            "tags": {"type": "array"},
            "more": {"type": "object"},
            "limit": {"type": ["number", "null"], "minimum": 3},
            "colour": {"type": "string", "default": "red"},
            "left_out": {"type": "string"},
        },
    )
    reply = answer(
        "use the create ticket tool with forty two", [tool("create"), ticket]
    )
    assert json.loads(reply.calls[0].arguments) == {
        "title": "42",
        "level": "low",
        "urgent": True,
        "count": 42,
        "tags": [],
        "more": {},
        "limit": 42,
        "colour": "red",
    }
    assert answer("run tool make coffee", [ticket]).calls == ()
    assert json.loads(call(ticket).arguments)["limit"] == 3


@pytest.mark.parametrize(
    "parameters",
    [
        {"properties": 5},
        {"properties": {"a": True}, "required": ["a"]},
        {"properties": {"a": {"enum": 3, "type": []}}, "required": ["a"]},
        {"properties": {"a": {}}, "required": "a"},
    ],
)
def test_a_strange_schema_is_no_obstacle(parameters: dict[str, Any]) -> None:
    made = call(tool("strange", **parameters))
    assert isinstance(json.loads(made.arguments), dict)


def test_the_weather_is_asked_of_a_tool() -> None:
    reply = answer("what is the weather like today", [tool("get_weather")])
    assert reply.calls[0].name == "get_weather"
    assert answer("what is the weather like today", []).calls == ()


def test_counting_stops_somewhere() -> None:
    assert answer("count to three", ()).say == "1, 2, 3."
    assert answer("count to nine thousand", ()).say.endswith("20.")


def test_numbers_and_words_are_said_back() -> None:
    assert answer("repeat after me four two", ()).say == "Four two."
    assert answer("repeat after me hello world", ()).say == "Hello world."
    assert "five five" in answer("my number is five five", ()).say


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("It is sunny.", "The tool says: It is sunny."),
        ("", "The tool says: nothing"),
        ('{"error": "no such order"}', "that did not work: no such order"),
        ('{"error": {"code": 5}}', "that did not work: code 5"),
        ('{"id": 5, "names": ["a", "b"]}', "The tool says: id 5, names a, b"),
        ("[]", "The tool says: nothing"),
    ],
)
def test_a_tools_answer_is_told(output: str, told: str) -> None:
    assert told in tell(output)


@pytest.mark.parametrize(
    ("instructions", "words"),
    [
        ("Say “Hello there.” and nothing else", "Hello there."),
        ('Say: "Hello there."', "Hello there."),
        ("Greet the caller word for word with this: Hello there.", "Hello there."),
        (
            "Say exactly: “They say “hello” and “good-bye”.”",
            "They say “hello” and “good-bye”.",
        ),
        (
            "Not “no”. Ask them, for example: “Are you there?” Be kind.",
            "Are you there?",
        ),
        ("Say it, for example: “They say “hello” there.”", "They say “hello” there."),
        ('Not "no", but "yes".', "yes"),
        ("You are kind.", None),
    ],
)
def test_words_to_be_said_are_found(instructions: str, words: str | None) -> None:
    assert asked_to_say(instructions) == words


def _user(text: str) -> Item:
    part = Part(type="input_text", said=text)
    return Item(type="message", role="user", parts=[part])


def _agent(text: str) -> Item:
    part = Part(type="output_text", said=text)
    return Item(type="message", role="assistant", parts=[part])


def test_an_unheard_answer_is_given_again() -> None:
    items = [_user("where are you located"), _agent("")]
    assert "Mill Lane" in next_reply(items, tools=()).say


def test_results_of_all_calls_are_told_together() -> None:
    items = [
        _user("go"),
        Item(type="function_call", call_id="a", name="x", arguments="{}"),
        Item(type="function_call_output", call_id="a", output="one"),
        Item(type="function_call_output", call_id="b", output="two"),
    ]
    assert next_reply(items, tools=()).say == "The tool says: one The tool says: two"


def test_with_nothing_to_answer_more_help_is_offered() -> None:
    items = [_user("good morning"), _agent("I am well.")]
    assert next_reply(items, tools=()).say == knowledge.ANYTHING_ELSE
    assert next_reply([Item(type="message", role="system")], tools=()).say


def test_the_choice_of_tools_is_obeyed() -> None:
    items = [_user("goodbye")]
    assert next_reply(items, tools=[HANGUP], tool_choice="none").calls == ()
    forced = {"type": "function", "name": "avr_transfer"}
    reply = next_reply(items, tools=[TRANSFER], tool_choice=forced)
    assert (reply.say, reply.calls[0].name) == ("", "avr_transfer")


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (asks.CANNOT_ANSWER, "I am sorry, I cannot answer that."),
        (asks.STILL_THERE, "Are you still there?"),
        (asks.SILENT_GOODBYE, "I cannot hear you, so I will hang up now. Goodbye."),
        (asks.FAREWELL, "Thank you for calling. Goodbye."),
        (asks.greeting("Welcome to “Bits & Bobs”!"), "Welcome to “Bits & Bobs”!"),
    ],
)
def test_what_the_relay_asks_for_is_said(ask: Ask, says: str) -> None:
    assert ask.instructions is not None
    items = [_user("good morning"), _agent("I am well.")]
    assert next_reply(items, tools=(), ordered=ask.instructions).say == says


def test_a_cut_answer_goes_on_where_it_stopped() -> None:
    whole = answer("where are you located", ()).say
    ordered = asks.GO_ON.instructions
    cut = [_user("where are you located"), _agent("We are at twelve")]
    rest = next_reply(cut, tools=(), ordered=ordered).say
    assert f"We are at twelve {rest}" == whole
    unheard = [_user("where are you located"), _agent("")]
    assert next_reply(unheard, tools=(), ordered=ordered).say == whole
    said = [_user("where are you located"), _agent(whole)]
    assert next_reply(said, tools=(), ordered=ordered).say == knowledge.ANYTHING_ELSE


def test_a_cut_answer_to_nothing_that_is_known_is_repeated() -> None:
    items = [_user("where are you located"), _agent("We have moved to")]
    ordered = asks.GO_ON.instructions
    assert next_reply(items, tools=(), ordered=ordered).say == "We have moved to"


def test_a_cut_answer_goes_on_after_its_audio_and_not_after_its_transcript() -> None:
    words = [SpokenWord(6, 100), SpokenWord(14, 400), SpokenWord(23, 900)]
    part = Part(
        type="output_audio",
        said="Sorry, we are closed today",
        audio_ms=500,
        words=words,
    )
    cut = Item(type="message", role="assistant", parts=[part])
    assert (cut.spoken, cut.said) == ("Sorry, we are", "Sorry, we are closed today")


def test_names_are_spoken_with_spaces() -> None:
    assert spoken_name("get_orderStatus-now") == "get order status now"
