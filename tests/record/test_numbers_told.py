"""Numbers of a peer's are written whatever they are, and come back as they were."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from trio_sts.record.decode import read_input
from trio_sts.record.encode import written
from trio_sts.record.masking import Masker
from trio_sts.wire.realtime.events import (
    ResponseDone,
    TranscriptDelta,
    TranscriptionCompleted,
)
from trio_sts.wire.realtime.items import Response, Usage

MASKER = Masker.of_call(keeps_text=True, number="", secrets=())
NUMBERS = st.integers() | st.integers(2**63 - 2, 2**64 + 2) | st.just(int(1e308))


def there_and_back(event: ResponseDone | TranscriptDelta) -> object:
    return read_input(orjson.loads(orjson.dumps(written(MASKER, event))))


@given(NUMBERS, NUMBERS)
def test_a_number_of_any_length_comes_back(audio: int, text: int) -> None:
    usage = Usage(input_audio_tokens=audio, output_text_tokens=-text)
    done = ResponseDone(Response("r1", "completed"), usage)
    delta = TranscriptDelta("r1", "item_1", "word", content_index=audio)
    assert there_and_back(done) == done
    assert there_and_back(delta) == delta


@given(NUMBERS)
def test_a_transcript_s_count_of_any_length_is_written(tokens: int) -> None:
    event = TranscriptionCompleted("item_1", "word", usage={"input_tokens": tokens})
    orjson.dumps(written(MASKER, event))
