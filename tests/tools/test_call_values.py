"""What a call knows of itself, and what a model says, in one HTTP tool."""

import json
from pathlib import Path

from tests.tools.calls import a_call
from tests.tools.folders import in_folder, opened
from tests.tools.test_http_tools import Shop

NOTE = """
url = "http://shop.example/note?from={call.from}"
method = "POST"
[parameters]
properties.text = { type = "string" }
[headers]
X-Call = "{call.uuid}"
[body]
from = "{call.from}"
text = "{call.from} says {text}"
call = "{call.uuid}"
"""


async def test_the_calls_own_values_win_over_what_the_model_says(
    tmp_path: Path,
) -> None:
    shop = Shop()
    folder = in_folder(tmp_path, {"tools/note.toml": NOTE})
    arguments = {"text": "hello", "call.from": "666", "call.uuid": "another"}

    async with opened(folder) as registry:
        await registry.run("note", json.dumps(arguments), a_call(shop))

    (request,) = shop.requests
    assert request.url.query == b"from=2000"
    assert request.headers["x-call"] == "call-1"
    assert json.loads(request.content) == {
        "from": "2000",
        "text": "2000 says hello",
        "call": "call-1",
    }


async def test_a_value_that_the_call_lacks_can_still_not_be_made_up(
    tmp_path: Path,
) -> None:
    shop = Shop()
    text = NOTE.replace("call.from", "call.trunk")
    folder = in_folder(tmp_path, {"tools/note.toml": text})
    arguments = {"text": "hello", "call.trunk": "666"}

    async with opened(folder) as registry:
        await registry.run("note", json.dumps(arguments), a_call(shop))

    (request,) = shop.requests
    assert b"666" not in request.url.query + request.content
