"""Every way in which a response ends badly, or not at all."""

from typing import Any

import pytest
import trio
import trio_websocket

from .client import Client, Event, session, transcript

_AFTER_S = 0.6


def audio_ms(client: Client) -> int:
    deltas = client.of("response.output_audio.delta")
    return sum(len(event["delta"]) * 3 // 4 for event in deltas) // 48


async def quiet(client: Client, for_s: float = 0.3) -> None:
    """Nothing comes for a while."""
    with trio.move_on_after(for_s):
        event = await client.next()
        pytest.fail(f"{event['type']} came")


def details(done: Event) -> dict[str, Any]:
    found: dict[str, Any] = done["response"]["status_details"]
    return found


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        ("cut", "incomplete", "max_output_tokens"),
        ("filtered", "incomplete", "content_filter"),
        ("server_error", "failed", None),
    ],
)
async def test_a_response_ends_before_any_audio_or_in_the_middle_of_it(
    fault: str, status: str, reason: str | None
) -> None:
    async with session(f"{fault}:1,{fault}=600ms:2") as (client, _):
        done = await client.ask("tell me a story")
        assert done["response"]["status"] == status
        assert details(done).get("reason") == reason
        assert done["response"]["output"] == []
        done = await client.ask("tell me a story")
        assert done["response"]["status"] == status
        assert done["response"]["output"][0]["status"] == "incomplete"
        assert 600 <= audio_ms(client) <= 850
        done = await client.ask("tell me a story")
        assert done["response"]["status"] == "completed"


async def test_an_empty_response_completes_without_output() -> None:
    async with session("empty:1") as (client, _):
        first = (await client.respond())["response"]
        assert (first["status"], first["output"]) == ("completed", [])
        assert (await client.respond())["response"]["output"] != []


async def test_an_answer_comes_as_text_alone() -> None:
    async with session("text_only:1") as (client, _):
        done = (await client.ask("how much does it cost"))["response"]
        assert (done["status"], done["output_modalities"]) == ("completed", ["audio"])
        assert done["output"][0]["content"][0]["type"] == "output_text"
        assert client.of("response.output_audio.delta") == []
        assert transcript(await client.ask("how much does it cost"))


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ("rate_limit:1", "again in 1.5s."),
        ("rate_limit=72s:1", "again in 1m12s."),
        ("rate_limit=20ms:1", "again in 20ms."),
    ],
)
async def test_a_rate_limit_says_when_to_try_again(order: str, told: str) -> None:
    async with session(order) as (client, _):
        error = details(await client.respond())["error"]
        assert error["code"] == "rate_limit_exceeded"
        assert error["message"].endswith(told)
        assert (await client.respond())["response"]["status"] == "completed"


async def test_without_quota_every_response_fails() -> None:
    async with session("insufficient_quota") as (client, _):
        for _ in range(2):
            error = details(await client.respond())["error"]
            assert error["code"] == "insufficient_quota"


@pytest.mark.parametrize("order", ["error_only:1", "error_only=600ms:1"])
async def test_a_response_fails_with_an_error_event_alone(order: str) -> None:
    async with session(order) as (client, _):
        error = (await client.ask("tell me a story"))["error"]
        assert (error["type"], error["code"]) == ("server_error", "server_error")
        assert (audio_ms(client) > 0) == ("=" in order)
        await client.until("rate_limits.updated")
        await quiet(client)
        assert client.of("response.done") == []
        assert (await client.respond())["response"]["status"] == "completed"


@pytest.mark.parametrize("order", ["stall:1", "stall=600ms:1"])
async def test_a_stalled_response_says_nothing_until_it_is_cancelled(
    order: str,
) -> None:
    async with session(order) as (client, _):
        await client.ask_without_waiting("tell me a story")
        await client.until("response.created")
        if "=" in order:
            while audio_ms(client) < 600:
                await client.next()
        await quiet(client)
        await client.send("response.cancel")
        done = (await client.until("response.done"))["response"]
        assert done["status"] == "cancelled"
        assert [item["status"] for item in done["output"]] == (
            ["incomplete"] if "=" in order else []
        )
        assert (await client.respond())["response"]["status"] == "completed"


async def test_a_response_that_is_asked_for_never_begins() -> None:
    async with session("unanswered:1") as (client, _):
        await client.ask_without_waiting("tell me a story")
        await quiet(client)
        await client.send("response.cancel")
        error = (await client.until("error"))["error"]
        assert error["code"] == "response_cancel_not_active"
        assert (await client.respond())["response"]["status"] == "completed"


async def test_the_connection_is_reset_in_the_middle_of_an_answer() -> None:
    async with session("drop=600ms:1") as (client, _):
        await client.ask_without_waiting("tell me a story")
        with pytest.raises(trio_websocket.ConnectionClosed) as closed:
            await client.until("no such event")
        assert closed.value.reason is None or closed.value.reason.code == 1006
        assert client.of("response.done") == []


async def test_response_done_never_comes() -> None:
    async with session("no_done:1") as (client, _):
        await client.ask_without_waiting("tell me a story")
        await client.until("response.output_item.done")
        await client.until("rate_limits.updated")
        assert client.of("response.done") == []
        assert (await client.respond())["type"] == "response.done"


async def test_only_a_cancelled_response_has_no_response_done() -> None:
    async with session("no_done_after_cancel", pace=6) as (client, _):
        await client.ask_without_waiting("tell me a story")
        await client.until("response.output_audio.delta")
        await client.send("response.cancel")
        await client.until("rate_limits.updated")
        assert client.of("response.done") == []
        done = await client.ask("how are you today")
        assert done["response"]["status"] == "completed"


async def test_a_response_done_has_an_item_without_an_id() -> None:
    async with session("no_item_id:1") as (client, _):
        client.checked = False
        (item,) = (await client.respond())["response"]["output"]
        assert "id" not in item
        assert item["content"][0]["transcript"]
        client.checked = True
        assert (await client.respond())["response"]["output"][0]["id"]


async def test_of_several_endings_the_last_one_that_was_ordered_counts() -> None:
    async with session("cut,empty:1") as (client, _):
        statuses = [(await client.respond())["response"]["status"] for _ in range(2)]
        assert statuses == ["completed", "incomplete"]
