"""What a webhook is told of a call."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from trio_sts.record.finished_call import FinishedCall, as_json

_TYPE = "call.ended"
# Of the machine that held the call: nobody else's business.
_INTERNAL = ("files", "host")


def message(
    call: FinishedCall, transcript: Sequence[dict[str, Any]] | None, *, whole: bool
) -> bytes:
    """The body of the request, as JSON.

    Args:
        call: What is told of it.
        transcript: Who said what, and which tools ran; None leaves it out, and with it
            the caller's number.
        whole: Whether nothing is missing of the transcript.
    """
    told = call if transcript is not None else call.without_caller()
    fields = as_json(told)
    for name in _INTERNAL:
        del fields[name]
    if transcript is not None:
        fields["transcript"] = list(transcript)
        fields["transcript_whole"] = whole
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return orjson.dumps({"type": _TYPE, "timestamp": now, "data": fields})
