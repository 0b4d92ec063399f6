"""What one call takes on the wire between the service and the model's endpoint."""

from typing import Final

import orjson
import pybase64

from trio_sts.audio.formats import AudioFormat, encoder
from trio_sts.audio.framing import FRAME_BYTES, FRAME_MS
from trio_sts.legs.fastpath.frames import message_frame
from trio_sts.wire.realtime.codec import decode_event, encode_request
from trio_sts.wire.realtime.events import AudioDelta
from trio_sts.wire.realtime.requests import AppendAudio
from trio_sts.wire.realtime.session import Dialect

DELTA_MS: Final = 100
_FRAMES_PER_DELTA: Final = DELTA_MS // FRAME_MS
# Any will do: a mask changes what the bytes are, not how many.
_MASK: Final = bytes(4)
_ID: Final = "x" * 21


def up_kbit_s(audio_format: AudioFormat) -> float:
    """From the caller to the model, all the time: an append for each frame."""
    audio = encoder(audio_format).encode(bytes(FRAME_BYTES))
    request = encode_request(AppendAudio(audio), Dialect.GA)
    return _kbit_s(message_frame(request, _MASK), FRAME_MS)


def down_kbit_s(audio_format: AudioFormat) -> float:
    """From the model to the caller, while it speaks: deltas of 100 ms.

    Raises:
        ValueError: The codec does not take the event for what it is meant to be.
    """
    audio = encoder(audio_format).encode(bytes(_FRAMES_PER_DELTA * FRAME_BYTES))
    event = orjson.dumps(
        {
            "type": "response.output_audio.delta",
            "event_id": f"event_{_ID}",
            "response_id": f"resp_{_ID}",
            "item_id": f"item_{_ID}",
            "output_index": 0,
            "content_index": 0,
            "delta": pybase64.b64encode_as_string(audio),
        }
    )
    understood = decode_event(event)
    if not isinstance(understood, AudioDelta) or understood.audio != audio:
        raise ValueError("this is not how a delta is written")
    return _kbit_s(message_frame(event), DELTA_MS)


def _kbit_s(frame: bytes, each_ms: int) -> float:
    return 8 * len(frame) / each_ms
