"""Faults of the embedded model's answers, in real time: what the caller hears then."""

from functools import partial

import trio

from tests.peers.core import calling
from trio_sts.embedded import Endpoint, Faults, serve_model

from .service import serving

GREETING = "What can I do for you?"
# Of the first response, which is to greet; and the end of what is heard instead.
HEARD = {
    "empty:1": GREETING,
    "text_only:1": GREETING,
    "cut:1": GREETING,
    "filtered:1": "I cannot answer that.",
    "error_only:1": GREETING,
    "busy_first:1": GREETING,
    "busy_late:1": GREETING,
    "stall:1": GREETING,
    "stall=600ms:1": GREETING,
    "drop:1": GREETING,
    "half_call:1": GREETING,
    "only_calls:1-8": GREETING,
    "odd_events,no_item_id": GREETING,
}


async def test_whatever_becomes_of_an_answer_the_caller_hears_one() -> None:
    heard: set[str] = set()

    async def call(fault: str, words: str) -> None:
        faults = Faults.parse(*(f"{each}@1" for each in fault.split(",")))
        async with trio.open_nursery() as nursery:
            serve = partial(serve_model, faults=faults)
            model: Endpoint = await nursery.start(serve)
            async with (
                serving(model.url, STS_DEAD_AIR_S="1") as service,
                calling(service.url) as core,
            ):
                await core.init()
                await core.wait_for(
                    lambda each: str(each.message.get("text")).endswith(words),
                    within_s=40,
                )
                assert not core.of("error"), fault
                heard.add(fault)
            nursery.cancel_scope.cancel(reason="the test is over")

    async with trio.open_nursery() as calls:
        for fault, words in HEARD.items():
            calls.start_soon(call, fault, words)
    assert heard == set(HEARD)
