"""A transfer that the call may not make: the model hears so while it still talks."""

import json
from functools import partial

import trio

from tests.peers.core import calling
from tests.peers.model import scripted_model
from trio_sts.phone.ami import AmiStandIn
from trio_sts.phone.exchange import Exchange

from .kit import goes_on
from .service import serving
from .test_call import tone

_SAID_MS = 30_000


async def test_a_transfer_elsewhere_is_refused_before_its_words_were_heard() -> None:
    ami = AmiStandIn(Exchange())
    async with trio.open_nursery() as nursery:
        ami_url: str = await nursery.start(partial(ami.serve, port=0))
        async with (
            scripted_model() as model,
            serving(
                model.base_url, AMI_URL=ami_url, STS_TRANSFER_TO="100, 2??"
            ) as service,
            calling(service.url) as core,
        ):
            await core.init()
            session = await model.next_session()
            await session.expect("response.create")
            async with session.response() as response:
                await response.say(tone(_SAID_MS, rate_hz=24000), "I put you through.")
                await response.call("avr_transfer", '{"transfer_extension": "300"}')
            output = await session.expect("conversation.item.create")
            # Not after the half minute that the caller would have been listening.
            assert core.audio_ms < _SAID_MS
            assert "100, 2??" in json.loads(output["item"]["output"])["error"]
            await session.expect("response.create")
            await goes_on(core, session)
            assert ami.requests == []
        nursery.cancel_scope.cancel(reason="the test is over")
