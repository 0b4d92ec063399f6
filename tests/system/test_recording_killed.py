"""A recording whose process ends before the call does."""

from pathlib import Path

import numpy as np
import pytest
import soundfile  # pyright: ignore[reportMissingTypeStubs]

from tests.peers.core import calling
from tests.peers.model import scripted_model

from .test_call import tone
from .test_process import KEY, exit_code, running


@pytest.mark.parametrize("sign", ["kill", "terminate"])
async def test_a_recording_is_read_to_its_last_second(
    tmp_path: Path, sign: str
) -> None:
    async with (
        scripted_model() as model,
        running(
            tmp_path,
            OPENAI_API_KEY=KEY,
            OPENAI_BASE_URL=model.base_url,
            STS_RECORD_DIR=str(tmp_path / "calls"),
            STS_RECORD_AUDIO="on",
            STS_DRAIN_S="0",
        ) as service,
        calling(service.url) as core,
    ):
        await core.init("call-1")
        session = await model.next_session()
        await session.expect("response.create")
        async with session.response() as response:
            await response.say(tone(2000, rate_hz=24_000), "Hello.")
        await core.speak(tone(3000))
        getattr(service.process, sign)()
        await exit_code(service, 5)
    (path,) = (tmp_path / "calls").glob("*.wav")
    samples, _ = soundfile.read(path)
    audible = [np.flatnonzero(np.abs(samples[:, side]) > 0.01) for side in (0, 1)]
    # What is final is written once a second, and waits a moment in the writer. A
    # machine that is busy may be later than that.
    least_s = 1.0 if sign == "kill" else 2.9
    assert len(samples) >= least_s * 8000
    assert len(audible[0]) > 0.7 * least_s * 8000
    assert len(audible[1]) > 0.5 * 8000
    # Everything behind the head is audio, the last sample too.
    assert (path.stat().st_size - 94) // 2 == len(samples)
