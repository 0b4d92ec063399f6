"""The JSON objects of the events that go to the model, in either dialect."""

from typing import Any, assert_never

from .requests import (
    CancelResponse,
    CreateFunctionCall,
    CreateFunctionOutput,
    CreateMessage,
    CreateResponse,
    DeleteItem,
    RefuseApproval,
    TruncateItem,
    UpdateSession,
)
from .session import Dialect

# An item's id has 32 characters at most; the last ones of another id tell it apart.
_ID_CHARS = 24

_Item = CreateMessage | CreateFunctionCall | CreateFunctionOutput | RefuseApproval
_Control = UpdateSession | TruncateItem | DeleteItem | CreateResponse | CancelResponse


def request_fields(event: _Item | _Control, dialect: Dialect) -> dict[str, Any]:
    """The event as a JSON object; what is None is left out."""
    if isinstance(event, _Item):
        item = _item(event, dialect)
        if not isinstance(event, RefuseApproval) and event.item_id is not None:
            item["id"] = event.item_id
        fields: dict[str, Any] = {"type": "conversation.item.create", "item": item}
        if isinstance(event, CreateMessage):
            fields["previous_item_id"] = event.previous_item_id
    else:
        fields = _control(event, dialect)
    fields["event_id"] = event.event_id
    return {key: value for key, value in fields.items() if value is not None}


def _control(event: _Control, dialect: Dialect) -> dict[str, Any]:
    match event:
        case UpdateSession(session):
            return {"type": "session.update", "session": session}
        case TruncateItem(item_id, audio_end_ms, content_index):
            return {
                "type": "conversation.item.truncate",
                "item_id": item_id,
                "content_index": content_index,
                "audio_end_ms": audio_end_ms,
            }
        case DeleteItem(item_id):
            return {"type": "conversation.item.delete", "item_id": item_id}
        case CreateResponse():
            asked = _response(event, dialect)
            return {"type": "response.create", "response": asked or None}
        case CancelResponse(response_id):
            return {"type": "response.cancel", "response_id": response_id}
        case _:
            assert_never(event)


def _item(event: _Item, dialect: Dialect) -> dict[str, Any]:
    match event:
        case CreateMessage(role, text):
            content = [{"type": _content_type(role, dialect), "text": text}]
            return {"type": "message", "role": role, "content": content}
        case CreateFunctionCall(call_id, name, arguments):
            return {
                "type": "function_call",
                "call_id": call_id,
                "name": name,
                "arguments": arguments,
            }
        case CreateFunctionOutput(call_id, output):
            return {
                "type": "function_call_output",
                "call_id": call_id,
                "output": output,
            }
        case RefuseApproval(request_id, reason):
            return {
                "id": f"refusal_{request_id[-_ID_CHARS:]}",
                "type": "mcp_approval_response",
                "approval_request_id": request_id,
                "approve": False,
                "reason": reason,
            }
        case _:
            assert_never(event)


def _content_type(role: str, dialect: Dialect) -> str:
    if role != "assistant":
        return "input_text"
    return "text" if dialect is Dialect.BETA else "output_text"


def _response(event: CreateResponse, dialect: Dialect) -> dict[str, Any]:
    beta = dialect is Dialect.BETA
    modalities = {"modalities": ["audio", "text"]}
    asked = {
        "instructions": event.instructions,
        "metadata": event.metadata,
        "tool_choice": event.tool_choice,
        **(modalities if event.audio and beta else {}),
        **({"output_modalities": ["audio"]} if event.audio and not beta else {}),
    }
    return {key: value for key, value in asked.items() if value is not None}
