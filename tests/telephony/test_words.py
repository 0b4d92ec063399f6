"""The first and the last words of a call are heard whole, and behind them comes a BYE."""

from pathlib import Path

import pytest

from .asterisk import Asterisk
from .calls import Leg, scene
from .conftest import Figure
from .phones import FRAME_MS, ms
from .sounds import for_phone, hear, noise

_GREETING_MS, _GOODBYE_MS = 1500, 1200
# Of the ten pieces of 100 ms, the phone may spoil two when it stretches what came late.
# AudioSocket has no queue of its own: on a machine that is busy more comes late.
_PIECES, _WHOLE = 10, {Leg.ASTERISK: 8, Leg.AVR_CORE: 5}
_BYE_MS = 2000


@pytest.mark.parametrize("leg", Leg, ids=lambda leg: leg.name)
async def test_greeting_and_goodbye_are_whole_and_then_the_line_is_hung_up(
    leg: Leg, asterisk: Asterisk, tmp_path: Path, figure: Figure
) -> None:
    greeting, goodbye = noise(_GREETING_MS, 1), noise(_GOODBYE_MS, 2)
    async with scene(asterisk, leg, tmp_path) as at:
        await at.phone.dial(leg)
        session = await at.model.next_session()
        await session.expect("response.create")
        async with session.response() as response:
            await response.say(greeting, "Good morning.")
        await at.phone.answered()
        await at.phone.hears_out(0)
        await session.speech(transcript="Goodbye.")
        async with session.response() as response:
            await response.say(goodbye, "Goodbye.")
            await response.call("avr_hangup")
        ended = await at.phone.over()
        assert len(at.phone.of("bye")) == 1
        heard = (await at.phone.recording()).heard
    first = hear(heard, for_phone(greeting)).pieces[:_PIECES]
    farewell = hear(heard, for_phone(goodbye))
    last = farewell.pieces[-_PIECES:]
    after_ms = ended * FRAME_MS - ms(farewell.at) - _GOODBYE_MS
    figure(
        f"{leg.name}: of the greeting's first 100 ms {first.sum() * 10} ms are at the "
        f"phone, of the goodbye's last {last.sum() * 10} ms; "
        f"BYE {after_ms:.0f} ms behind it"
    )
    assert first.sum() >= _WHOLE[leg], first
    assert last.sum() >= _WHOLE[leg], last
    # Nobody hung up sooner, and nobody waited long.
    assert 0 <= after_ms <= _BYE_MS
