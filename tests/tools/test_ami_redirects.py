"""avr-ami answers itself: whatever it points to is not asked."""

import httpx
import pytest
import trio

from tests.tools.calls import a_call, error_of
from trio_sts.tools.call_control import call_control_tools
from trio_sts.tools.registry import Registry
from trio_sts.tools.resources import Resources


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("follows", [False, True])
async def test_a_redirect_of_avr_ami_is_a_refusal(status: int, follows: bool) -> None:
    asked: list[str] = []

    async def elsewhere(request: httpx.Request) -> httpx.Response:
        await trio.lowlevel.checkpoint()
        asked.append(str(request.url))
        if request.url.host == "ami":
            return httpx.Response(status, headers={"location": "http://evil/hangup"})
        return httpx.Response(200, json={"message": "ok"})

    call = a_call(elsewhere)
    # Whatever the client does by itself.
    call.http.follow_redirects = follows
    tools = call_control_tools("http://ami:6006")
    registry = Registry(tools, control=Resources(http=call.http))
    outcome = await registry.run("avr_hangup", "{}", call)

    assert f"refused (status {status})" in error_of(outcome)
    assert asked == ["http://ami:6006/hangup"]
