"""Remote MCP servers: the model is handed them, the log hears how they do."""

import json
from typing import Any

from structlog.testing import capture_logs

from tests.peers.core import calling
from tests.peers.model import scripted_model

from .service import serving
from .test_call import tone

SERVERS = [
    {
        "server_label": "crm",
        "server_url": "https://operator:hunter2@crm.test/mcp?key=k-4711",
        "authorization": "oauth-4711",
        "headers": {"X-Tenant": "tenant-4711"},
    }
]
SECRETS = ("hunter2", "k-4711", "oauth-4711", "tenant-4711", "Ada", "twelve pounds")


async def test_a_failing_server_is_in_the_log_and_its_secrets_are_not() -> None:
    refused: dict[str, Any] = {
        "type": "mcp_call",
        "server_label": "crm",
        "name": "look_up",
        "arguments": '{"customer": "Ada"}',
        "error": {
            "type": "http_error",
            "code": 401,
            "message": "oauth-4711 is not known at https://crm.test/mcp?key=k-4711",
        },
    }
    answered = {**refused, "error": None, "output": "Ada owes twelve pounds"}
    with capture_logs() as lines:
        async with (
            scripted_model() as model,
            serving(model.base_url, OPENAI_MCP_SERVERS=json.dumps(SERVERS)) as service,
            calling(service.url) as core,
        ):
            await core.init()
            session = await model.next_session()
            (handed,) = (t for t in session.session["tools"] if t["type"] == "mcp")
            await session.send("mcp_list_tools.in_progress", item_id="l1")
            await session.send("mcp_list_tools.failed", item_id="l1")
            listing: dict[str, Any] = {
                "type": "mcp_list_tools",
                "server_label": "crm",
                "tools": [],
            }
            await session.send("conversation.item.done", item={"id": "l1"} | listing)
            async with session.response() as response:
                place = {"response_id": response.id, "output_index": 0}
                for item in ({"id": "m1"} | refused, {"id": "m2"} | answered):
                    await session.send("conversation.item.done", item=item)
                    await session.send("response.output_item.done", **place, item=item)
                await response.say(tone(100, rate_hz=24000), "Sorry.")
            await core.wait_audio(100)
    assert handed == {"type": "mcp", "require_approval": "never", **SERVERS[0]}
    told = [
        {key: value for key, value in line.items() if key not in {"event", "call_id"}}
        for line in lines
        if line["event"] in {"mcp", "mcp item"}
    ]
    call = {"type": "mcp_call", "server": "crm", "tool": "look_up"}
    assert told == [
        {"type": "mcp_list_tools.in_progress", "log_level": "info"},
        {"type": "mcp_list_tools.failed", "log_level": "warning"},
        {"type": "mcp_list_tools", "server": "crm", "log_level": "info"},
        {**call, "error": "http_error", "log_level": "warning"},
        {**call, "log_level": "info"},
    ]
    assert not [secret for secret in SECRETS if secret in str(lines)]
