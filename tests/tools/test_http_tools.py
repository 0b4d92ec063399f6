import json
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
import trio
import trio.testing
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from tests.tools.calls import Answerer, a_call, error_of
from tests.tools.folders import in_folder, opened
from trio_sts.errors import ToolError
from trio_sts.tools.http_template import UrlTemplate, fill_json
from trio_sts.tools.listing import list_tools
from trio_sts.tools.registry import CUT_MARK, ToolOutcome
from trio_sts.tools.tool import Kind

ORDER = """
name = "order_status"
description = "Tells how far an order is."
url = "https://shop.example/api/orders/{order}?lang={lang}&call={call.uuid}"
answer = "data.0.status"

[parameters]
type = "object"
required = ["order"]
properties.order = { type = "string" }
properties.lang = { type = "string" }

[headers]
Authorization = "Bearer ${SHOP_TOKEN}"
X-Call = "{call.uuid}"
"""
BOOK = """
url = "http://shop.example:8080/book"
method = "POST"
[parameters]
properties = { count = { type = "integer" }, note = { type = "string" } }
[body]
count = "{count}"
note = "{note}"
text = "{count} for {call.from}"
fixed = { list = [1, "{count}"], yes = true }
"""
DATA = b'{"data":[{"status":"sent"}]}'


class Shop:
    """An HTTP service that answers every request in the same way."""

    def __init__(
        self,
        body: bytes = DATA,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.requests: list[httpx.Request] = []
        self.body = body
        self.status = status
        self.headers = headers or {}

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        await trio.lowlevel.checkpoint()
        self.requests.append(request)
        return httpx.Response(self.status, content=self.body, headers=self.headers)


async def ask(
    tmp_path: Path,
    shop: Answerer,
    arguments: Mapping[str, object],
    text: str = ORDER,
) -> ToolOutcome:
    folder = in_folder(tmp_path, {"tools/shop.toml": text})
    async with opened(folder, environ={"SHOP_TOKEN": "secret\n"}) as registry:
        assert registry.problems == ()
        name = [*registry.tools][-1]
        return await registry.run(name, json.dumps(arguments), a_call(shop))


async def test_arguments_go_into_the_url_and_a_part_of_the_answer_comes_back(
    tmp_path: Path,
) -> None:
    shop = Shop()

    outcome = await ask(tmp_path, shop, {"order": "A/7?x=1#&ä", "lang": "de"})

    assert outcome == ToolOutcome("sent", ok=True)
    (request,) = shop.requests
    assert request.method == "GET"
    assert request.url.raw_path == (
        b"/api/orders/A%2F7%3Fx%3D1%23%26%C3%A4?lang=de&call=call-1"
    )
    assert request.url.host == "shop.example"
    assert request.headers["authorization"] == "Bearer secret"
    assert request.headers["x-call"] == "call-1"


async def test_a_query_parameter_without_a_value_is_left_out(tmp_path: Path) -> None:
    shop = Shop()

    await ask(tmp_path, shop, {"order": "7"})

    assert shop.requests[0].url.raw_path == b"/api/orders/7?call=call-1"


async def test_a_model_cannot_speak_for_the_call(tmp_path: Path) -> None:
    shop = Shop()

    await ask(tmp_path, shop, {"order": "7", "call.uuid": "another"})

    assert shop.requests[0].url.query == b"call=call-1"


@pytest.mark.parametrize("order", ["", ".", ".."])
async def test_an_argument_cannot_climb_out_of_its_place(
    tmp_path: Path, order: str
) -> None:
    shop = Shop()

    outcome = await ask(tmp_path, shop, {"order": order})

    assert error_of(outcome) == "An argument cannot be used in an address."
    assert shop.requests == []


@given(st.text())
def test_whatever_is_filled_in_the_place_stays_the_template_s(value: str) -> None:
    template = UrlTemplate.parse("https://a.example/x/{v}/y?q={v}")
    try:
        url = httpx.URL(template.fill({"v": value}))
    except ToolError:
        assert value in {"", ".", ".."}
        return

    assert (url.scheme, url.host, url.port) == ("https", "a.example", None)
    path, _, query = url.raw_path.decode().partition("?")
    assert [*path.split("/")[:2], path.split("/")[3]] == ["", "x", "y"]
    assert len(path.split("/")) == 4
    assert query.count("&") == 0
    assert httpx.QueryParams(query)["q"] == value.encode(errors="replace").decode()


async def test_a_body_is_json_whose_slots_keep_their_type(tmp_path: Path) -> None:
    shop = Shop(b"booked")

    outcome = await ask(tmp_path, shop, {"count": 2}, BOOK)

    assert outcome == ToolOutcome("booked", ok=True)
    (request,) = shop.requests
    assert (request.method, str(request.url)) == (
        "POST",
        "http://shop.example:8080/book",
    )
    assert json.loads(request.content) == {
        "count": 2,
        "text": "2 for 2000",
        "fixed": {"list": [1, 2], "yes": True},
    }


def test_a_body_can_be_a_list_and_hold_a_null() -> None:
    template = ["{a}", {"b": "{b}"}, "x{b}"]

    assert fill_json(template, {"a": [1], "b": None}) == [[1], {"b": None}, "x"]


@pytest.mark.parametrize(
    ("answer", "body", "told"),
    [
        ("/data/0", DATA, '{"status": "sent"}'),
        ("", b"[1]", "[1]"),
        ("/a~1b/~0c", b'{"a/b": {"~c": 1.5}}', "1.5"),
        ("x", b'{"x": null}', "null"),
    ],
)
async def test_the_answer_may_be_any_part(
    tmp_path: Path, answer: str, body: bytes, told: str
) -> None:
    text = ORDER.replace("data.0.status", answer)

    assert (await ask(tmp_path, Shop(body), {"order": "7"}, text)).output == told


@pytest.mark.parametrize(
    ("shop", "said"),
    [
        (Shop(status=404), "The service answered with status 404."),
        (Shop(b"<html>"), "The service gave no understandable answer."),
        (Shop(b'{"data":[]}'), "The service's answer lacks the part that is needed."),
        (Shop(b'{"data":{}}'), "The service's answer lacks the part that is needed."),
        (Shop(b"7"), "The service's answer lacks the part that is needed."),
        (Shop(b'["' + b"x" * 2_000_000 + b'"]'), "no understandable answer"),
    ],
)
async def test_a_failure_of_the_service_is_told_without_its_words(
    tmp_path: Path, shop: Shop, said: str
) -> None:
    assert said in error_of(await ask(tmp_path, shop, {"order": "7"}))


async def test_a_long_text_is_cut(tmp_path: Path) -> None:
    outcome = await ask(tmp_path, Shop(b"x" * 5000), {}, BOOK)

    assert outcome.output.endswith("x" + CUT_MARK)
    assert len(outcome.output.encode()) == 1024


async def test_an_unreachable_service_is_told(tmp_path: Path) -> None:
    async def nobody(request: httpx.Request) -> httpx.Response:
        await trio.lowlevel.checkpoint()
        raise httpx.ConnectError("10.0.0.7 refused")

    outcome = await ask(tmp_path, nobody, {"order": "7"})

    assert error_of(outcome) == "The service could not be reached."


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "http://shop.example/", "https://shop.example:444/"],
)
async def test_a_redirect_to_another_origin_is_not_followed(
    tmp_path: Path, target: str
) -> None:
    shop = Shop(b"", 302, {"location": target})

    outcome = await ask(tmp_path, shop, {"order": "7"})

    assert error_of(outcome) == "The service wants to lead to another place."
    assert len(shop.requests) == 1


async def test_a_redirect_within_the_service_is_followed_three_times(
    tmp_path: Path,
) -> None:
    shop = Shop(b"", 302, {"location": "/there"})

    outcome = await ask(tmp_path, shop, {"order": "7"})

    assert error_of(outcome) == "The service leads in circles."
    paths = [request.url.path for request in shop.requests]
    assert paths == ["/api/orders/7", "/there", "/there", "/there"]


async def test_its_own_limit_holds(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async def slow(request: httpx.Request) -> httpx.Response:
        await trio.sleep(60)
        return httpx.Response(200)

    outcome = await ask(tmp_path, slow, {}, "timeout_s = 2.5\n" + BOOK)

    assert error_of(outcome) == "The tool took too long."
    assert trio.current_time() == 2.5


URL = 'url = "https://a.example/"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "url must be a string"),
        ("url = ", "not TOML"),
        ("url = 1979-05-27", "cannot be read"),
        ('url = "ftp://a.example/"', "url must begin with"),
        ('url = "https://{a}.example/"', "in its path and its query only"),
        ('url = "{a}://a.example/"', "url must begin with"),
        ('url = "https://a.example/#{a}"', "in its path and its query only"),
        ('url = "https://a.example:x/"', "url is no URL"),
        ('url = "https://a.example/{a}"', "{a} is no parameter"),
        (
            'url = "https://a.example/{a}"\n[parameters]\nproperties.a = {}',
            "so it must be required",
        ),
        (f'{URL}method = "CONNECT"', "method must be one of GET"),
        (f'{URL}metod = "GET"', "unknown key 'metod'"),
        (f"{URL}timeout_s = 0", "timeout_s must be more than 0"),
        (f"{URL}timeout_s = true", "timeout_s must be a number"),
        (f"{URL}answer = 7", "answer must be a string"),
        (f"{URL}headers = 7", "headers must be a table"),
        (f"{URL}headers = {{ a = 7 }}", "header 'a' must be a string"),
        (f'{URL}headers = {{ "a b" = "" }}', "header 'a b' must be a string"),
        (f'{URL}headers = {{ a = "${{NOT_SET}}" }}', "NOT_SET is not set"),
        (f'{URL}headers = {{ a = "${{BAD}}" }}', "only printable ASCII"),
        (f'{URL}name = "two words"', "name 'two words' must be"),
        (f"{URL}parameters = []", "input_schema must be an object"),
        (f'{URL}body = {{ a = ["{{b}}"] }}', "{b} is no parameter"),
    ],
)
async def test_a_faulty_file_is_left_out_with_one_line(
    tmp_path: Path, text: str, said: str
) -> None:
    folder = in_folder(tmp_path, {"tools/faulty.toml": text})

    async with opened(folder, environ={"BAD": "a\r\nb"}) as registry:
        assert set(registry.tools) == {"avr_transfer", "avr_hangup"}

    (problem,) = registry.problems
    assert problem.startswith(str(tmp_path / "tools" / "faulty.toml"))
    assert said in problem


async def test_the_list_shows_what_start_would_say(tmp_path: Path) -> None:
    folder = Path(in_folder(tmp_path, {"tools/shop.toml": ORDER}))

    listing = await list_tools(folder, {"SHOP_TOKEN": "secret"})
    without = await list_tools(folder, {})

    assert [(t.name, t.description, t.kind) for t in listing.tools[2:]] == [
        ("order_status", "Tells how far an order is.", Kind.HTTP)
    ]
    assert listing.problems == ()
    assert len(without.tools) == 2
    assert "SHOP_TOKEN is not set" in without.problems[0]


async def test_other_people_s_editors_write_files_too(tmp_path: Path) -> None:
    folder = in_folder(tmp_path, {})
    text = f'description = "Sé"\r\n{URL}method = "post"\r\n'
    file = tmp_path / "tools" / "own.toml"
    file.write_bytes(text.encode("utf-8-sig"))
    async with opened(folder) as registry:
        assert registry.problems == ()
        assert registry.tools["own"].description == "Sé"
    file.write_bytes(text.encode("latin-1"))
    async with opened(folder) as registry:
        (problem,) = registry.problems
    assert problem.endswith("not UTF-8 text; save it as UTF-8")


NOTE = """
url = "http://shop.example/note"
method = "POST"
silent = true
[parameters]
properties = { text = { type = "string" } }
[body]
text = "{text}"
caller = "{call.from}"
"""


async def test_nothing_is_said_about_the_answer_of_a_silent_tool(
    tmp_path: Path,
) -> None:
    noted = await ask(tmp_path, Shop(b"noted"), {"text": "a"}, NOTE)

    assert noted == ToolOutcome("noted", ok=True, silent=True)


async def test_the_failure_of_a_silent_tool_is_told(tmp_path: Path) -> None:
    failed = await ask(tmp_path, Shop(b"", 500), {"text": "a"}, NOTE)

    assert (failed.ok, failed.silent) == (False, False)


@pytest.mark.parametrize(
    ("url", "body", "sent_query", "sent_body"),
    [
        ("?from={call.from}", "", b"", {}),
        ("?from=x{call.from}", 'text = "{call.from}!"', b"", {"text": "!"}),
        ("", 'from = "{call.from}"', b"", {}),
        ("", 'list = ["{call.from}"]', b"", {"list": [None]}),
    ],
)
async def test_a_slot_of_the_call_is_the_call_s_or_absent(
    tmp_path: Path, url: str, body: str, sent_query: bytes, sent_body: object
) -> None:
    shop = Shop(b"ok")
    text = f'url = "http://a.example/{url}"\nmethod = "POST"\n[body]\n{body}\n'
    folder = in_folder(tmp_path, {"tools/a.toml": text})
    call = evolve(a_call(shop), metadata={"to": "5001"})

    async with opened(folder) as registry:
        assert registry.problems == ()
        outcome = await registry.run("a", '{"call.from": "49170"}', call)

    assert outcome.ok
    assert shop.requests[0].url.query == sent_query
    assert json.loads(shop.requests[0].content) == sent_body


async def test_a_caller_who_is_not_told_cannot_be_in_the_path(tmp_path: Path) -> None:
    shop = Shop(b"ok")
    text = 'url = "http://a.example/of/{call.from}/balance"\n'
    folder = in_folder(tmp_path, {"tools/a.toml": text})
    call = evolve(a_call(shop), metadata={})

    async with opened(folder) as registry:
        outcome = await registry.run("a", '{"call.from": "49170"}', call)

    assert not outcome.ok
    assert shop.requests == []


async def test_a_parameter_cannot_be_named_like_a_slot_of_the_call(
    tmp_path: Path,
) -> None:
    text = """
url = "http://a.example/?from={call.from}"
[parameters.properties."call.from"]
type = "string"
"""
    async with opened(in_folder(tmp_path, {"tools/a.toml": text})) as registry:
        assert "a" not in registry.tools
        assert "'call.from'" in registry.problems[0]


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/plain; charset=klingon", "grün".encode(), "grün"),
        ("text/plain; charset=hex", "grün".encode(), "grün"),
        ("text/plain; charset=idna", "grün".encode(), "grün"),
        ("text/plain; charset=undefined", b"ok", "ok"),
        ('text/plain; charset="', b"ok", "ok"),
        ("text/plain; charset=latin-1", "grün".encode("latin-1"), "grün"),
        ("text/plain; charset=utf-8", b"\xef\xbb\xbfok", "ok"),
        ("application/json", '"ä"'.encode("utf-16"), '"ä"'),
        ("text/plain", b"caf\xe9", "caf\ufffd"),
        ("text/plain", b"", ""),
    ],
)
async def test_no_charset_makes_a_success_a_failure(
    tmp_path: Path, content_type: str, body: bytes, text: str
) -> None:
    shop = Shop(body, headers={"content-type": content_type})

    outcome = await ask(tmp_path, shop, {}, 'url = "http://a.example/"')

    assert outcome == ToolOutcome(text, ok=True)


async def test_a_part_of_an_answer_is_read_in_its_declared_charset(
    tmp_path: Path,
) -> None:
    body = '\ufeff{"data": [{"status": "grün"}]}'.encode("utf-16")
    shop = Shop(body, headers={"content-type": "application/json; charset=utf-16"})

    assert (await ask(tmp_path, shop, {"order": "7"})).output == "grün"


@pytest.mark.parametrize(
    ("line", "ending"),
    [
        ("ends_call = true", "hangup"),
        ('ends_call = "transfer"', "transfer"),
        ("ends_call = false", None),
    ],
)
async def test_an_http_tool_may_be_call_control(
    tmp_path: Path, line: str, ending: str | None
) -> None:
    text = f'url = "http://a.example/"\n{line}\n'

    async with opened(in_folder(tmp_path, {"tools/a.toml": text})) as registry:
        assert registry.call_control().get("a") == ending
