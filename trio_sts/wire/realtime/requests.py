"""Events to the model, neutral of the dialect; the codec writes GA or beta.

``event_id`` is ours: an error answer may cite it, and often does not.
"""

from collections.abc import Mapping
from typing import Any, Literal

from attrs import define, field, frozen


@frozen
class UpdateSession:
    """``session.update``; ``session`` is already in the dialect of the endpoint."""

    session: Mapping[str, Any] = field(repr=False)
    event_id: str | None = None


# Not frozen: it is made for every 20 ms of audio, and freezing doubles its cost.
@define
class AppendAudio:
    """``input_audio_buffer.append``; whole samples in the model's format."""

    audio: bytes = field(repr=False)


@frozen
class CreateMessage:
    """``conversation.item.create`` of a text message.

    ``user`` and ``system`` text goes as ``input_text``, ``assistant`` text as
    ``output_text`` (``text`` in the beta dialect). It is put after the item of
    ``previous_item_id``, in front of all after ``root``, and else at the end. A
    ``private`` one names digits that the caller pressed: its text is kept nowhere.
    """

    role: Literal["user", "assistant", "system"]
    text: str = field(repr=False)
    event_id: str | None = None
    item_id: str | None = None
    previous_item_id: str | None = None
    private: bool = field(default=False, eq=False)


@frozen
class CreateFunctionCall:
    """``conversation.item.create`` of a function call that happened before."""

    call_id: str
    name: str
    arguments: str = field(repr=False)
    event_id: str | None = None
    item_id: str | None = None


@frozen
class CreateFunctionOutput:
    """``conversation.item.create`` of a function's answer."""

    call_id: str
    output: str = field(repr=False)
    event_id: str | None = None
    item_id: str | None = None


@frozen
class RefuseApproval:
    """``conversation.item.create`` of a "no" to a remote tool that wants approval."""

    request_id: str
    reason: str
    event_id: str | None = None


@frozen
class TruncateItem:
    """``conversation.item.truncate`` at the millisecond that was heard."""

    item_id: str
    audio_end_ms: int
    content_index: int = 0
    event_id: str | None = None


@frozen
class DeleteItem:
    """``conversation.item.delete``."""

    item_id: str
    event_id: str | None = None


@frozen
class CreateResponse:
    """``response.create``; instructions replace the session's for this response.

    ``tool_choice`` "none" forbids calls in it; ``audio`` asks for audio in so many
    words, where an answer came as text.
    """

    instructions: str | None = field(default=None, repr=False)
    metadata: Mapping[str, str] | None = None
    event_id: str | None = None
    tool_choice: Literal["none"] | None = None
    audio: bool = False


@frozen
class CancelResponse:
    """``response.cancel``, by id where it is known."""

    response_id: str | None = None
    event_id: str | None = None


ClientEvent = (
    UpdateSession
    | AppendAudio
    | CreateMessage
    | CreateFunctionCall
    | CreateFunctionOutput
    | RefuseApproval
    | TruncateItem
    | DeleteItem
    | CreateResponse
    | CancelResponse
)
