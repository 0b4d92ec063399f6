"""What different endpoints send for the same phone call, made up after their schemas."""

import base64
import json
from typing import Any

Event = dict[str, Any]

AUDIO = bytes(range(240))
AUDIO_64 = base64.b64encode(AUDIO).decode()


def text(event: Event) -> str:
    return json.dumps(event)


def _item(kind: str, item_id: str, **fields: Any) -> Event:
    return {"id": item_id, "object": "realtime.item", "type": kind, **fields}


_GA_FORMAT = {"type": "audio/pcm", "rate": 24000}
_USAGE = {
    "total_tokens": 253,
    "input_tokens": 132,
    "output_tokens": 121,
    "input_token_details": {
        "text_tokens": 119,
        "audio_tokens": 13,
        "image_tokens": 0,
        "cached_tokens": 64,
        "cached_tokens_details": {
            "text_tokens": 60,
            "audio_tokens": 4,
            "image_tokens": 0,
        },
    },
    "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
}
_SAID = [{"type": "output_audio", "transcript": "Good morning."}]


def _spoken(response_id: str, item_id: str, audio: str, transcript: str) -> list[Event]:
    """The part of an answer whose names changed between the dialects."""
    at = {
        "response_id": response_id,
        "item_id": item_id,
        "output_index": 0,
        "content_index": 0,
    }
    return [
        {
            "type": f"{transcript}.delta",
            **at,
            "event_id": "event_20",
            "delta": "Good ",
            "obfuscation": "x1Yz",
        },
        {"type": f"{audio}.delta", **at, "event_id": "event_21", "delta": AUDIO_64},
        {"type": f"{audio}.done", **at, "event_id": "event_22"},
        {
            "type": f"{transcript}.done",
            **at,
            "event_id": "event_23",
            "transcript": "Good morning.",
        },
    ]


def _response(response_id: str, status: str, **fields: Any) -> Event:
    return {
        "object": "realtime.response",
        "id": response_id,
        "status": status,
        "status_details": None,
        "output": [],
        "conversation_id": "conv_1",
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "audio": {"output": {"format": _GA_FORMAT, "voice": "marin"}},
        "usage": None,
        "metadata": None,
        **fields,
    }


def _number(events: list[Event]) -> list[Event]:
    return [
        {"event_id": f"event_{index}", **event} for index, event in enumerate(events)
    ]


OPENAI = _number(
    [
        {
            "type": "session.created",
            "session": {
                "type": "realtime",
                "object": "realtime.session",
                "id": "sess_1",
                "model": "gpt-realtime-2.1",
                "output_modalities": ["audio"],
                "instructions": "You are helpful.",
                "tools": [],
                "tool_choice": "auto",
                "max_output_tokens": "inf",
                "tracing": None,
                "prompt": None,
                "expires_at": 1795370000,
                "audio": {
                    "input": {
                        "format": _GA_FORMAT,
                        "transcription": None,
                        "noise_reduction": None,
                        "turn_detection": {
                            "type": "server_vad",
                            "threshold": 0.5,
                            "prefix_padding_ms": 300,
                            "silence_duration_ms": 200,
                            "idle_timeout_ms": None,
                            "create_response": True,
                            "interrupt_response": True,
                        },
                    },
                    "output": {"format": _GA_FORMAT, "voice": "marin", "speed": 1.0},
                },
                "include": None,
            },
        },
        {
            "type": "session.updated",
            "session": {
                "type": "realtime",
                "id": "sess_1",
                "model": "gpt-realtime-2.1",
                "expires_at": 1795370000,
                "audio": {
                    "input": {"format": {"type": "audio/pcmu"}},
                    "output": {"format": {"type": "audio/pcma"}, "voice": "alloy"},
                },
            },
        },
        {
            "type": "input_audio_buffer.speech_started",
            "audio_start_ms": 1216,
            "item_id": "item_1",
        },
        {
            "type": "input_audio_buffer.speech_stopped",
            "audio_end_ms": 2880,
            "item_id": "item_1",
        },
        {
            "type": "input_audio_buffer.committed",
            "previous_item_id": None,
            "item_id": "item_1",
        },
        {
            "type": "conversation.item.added",
            "previous_item_id": None,
            "item": _item(
                "message",
                "item_1",
                status="completed",
                role="user",
                content=[{"type": "input_audio", "transcript": None}],
            ),
        },
        {"type": "response.created", "response": _response("resp_1", "in_progress")},
        {
            "type": "response.output_item.added",
            "response_id": "resp_1",
            "output_index": 0,
            "item": _item(
                "message", "item_2", status="in_progress", role="assistant", content=[]
            ),
        },
        {
            "type": "response.content_part.added",
            "response_id": "resp_1",
            "item_id": "item_2",
            "output_index": 0,
            "content_index": 0,
            "part": {"type": "audio", "transcript": ""},
        },
        *_spoken(
            "resp_1",
            "item_2",
            "response.output_audio",
            "response.output_audio_transcript",
        ),
        {
            "type": "conversation.item.done",
            "previous_item_id": "item_1",
            "item": _item(
                "message", "item_2", status="completed", role="assistant", content=_SAID
            ),
        },
        {
            "type": "response.output_item.done",
            "response_id": "resp_1",
            "output_index": 0,
            "item": _item(
                "message", "item_2", status="completed", role="assistant", content=_SAID
            ),
        },
        {
            "type": "response.done",
            "response": _response(
                "resp_1",
                "completed",
                usage=_USAGE,
                output=[
                    _item(
                        "message",
                        "item_2",
                        status="completed",
                        role="assistant",
                        content=_SAID,
                    )
                ],
            ),
        },
        {
            "type": "rate_limits.updated",
            "rate_limits": [
                {
                    "name": "tokens",
                    "limit": 15000000,
                    "remaining": 1,
                    "reset_seconds": 0.1,
                }
            ],
        },
        {
            "type": "conversation.item.input_audio_transcription.completed",
            "item_id": "item_1",
            "content_index": 0,
            "transcript": "Hello there.",
            "usage": {"type": "duration", "seconds": 2},
        },
        {
            "type": "response.function_call_arguments.done",
            "response_id": "resp_2",
            "item_id": "item_3",
            "output_index": 1,
            "call_id": "call_1",
            "name": "avr_hangup",
            "arguments": "{ }\n",
        },
        {
            "type": "response.done",
            "response": _response(
                "resp_3",
                "cancelled",
                status_details={"type": "cancelled", "reason": "turn_detected"},
            ),
        },
        {
            "type": "response.done",
            "response": _response(
                "resp_4",
                "failed",
                status_details={
                    "type": "failed",
                    "error": {
                        "type": "insufficient_quota",
                        "code": "insufficient_quota",
                        "message": "You exceeded your current quota.",
                    },
                },
            ),
        },
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "code": "unknown_parameter",
                "message": "Unknown parameter: 'session.temperature'.",
                "param": "session.temperature",
                "event_id": None,
            },
        },
        {
            "type": "conversation.item.truncated",
            "item_id": "item_2",
            "content_index": 0,
            "audio_end_ms": 1500,
        },
        {"type": "conversation.item.deleted", "item_id": "item_2"},
        {
            "type": "input_audio_buffer.timeout_triggered",
            "audio_start_ms": 13216,
            "audio_end_ms": 19232,
            "item_id": "item_9",
        },
        {"type": "mcp_list_tools.failed", "item_id": "mcpl_1"},
        {"type": "response.mcp_call.completed", "item_id": "mcp_1", "output_index": 0},
    ]
)

AZURE = _number(
    [
        {
            "type": "response.content_part.done",
            "response_id": "resp_1",
            "item_id": "item_1",
            "output_index": 0,
            "content_index": 0,
            "part": {"type": "audio", "transcript": "Good morning."},
            "content": {"type": "audio", "transcript": "Good morning."},
        },
        {
            "type": "conversation.item.input_audio_transcription.failed",
            "item_id": "item_1",
            "content_index": 0,
            "error": {
                "type": "invalid_request_error",
                "code": "DeploymentNotFound",
                "message": "The deployment does not exist.",
                "param": None,
            },
        },
    ]
)

VOICE_LIVE = _number(
    [
        {
            "type": "session.updated",
            "session": {
                "id": "sess_vl",
                "model": "gpt-realtime",
                "modalities": ["audio", "text"],
                "voice": {"type": "azure-standard", "name": "en-US-AvaNeural"},
                "input_audio_format": "pcm16",
                "input_audio_sampling_rate": 24000,
                "output_audio_format": "pcm16",
                "turn_detection": {"type": "azure_semantic_vad"},
            },
        },
        {
            "type": "conversation.item.created",
            "previous_item_id": None,
            "item": _item(
                "message", "item_1", status="completed", role="user", content=[]
            ),
        },
        {
            "type": "conversation.item.done",
            "item": _item(
                "message", "item_1", status="completed", role="user", content=[]
            ),
        },
        *_spoken("resp_1", "item_2", "response.audio", "response.audio_transcript"),
    ]
)

XAI = _number(
    [
        {"type": "conversation.created", "conversation": {"id": "c-1"}},
        {"type": "ping", "timestamp": 1795370000123},
        {
            "type": "session.updated",
            "session": {
                "audio": {"input": {"format": {"type": "audio/pcmu", "rate": 8000}}},
                "voice": "ara",
            },
        },
        {
            "type": "conversation.item.input_audio_transcription.updated",
            "item_id": "f1f5",
            "transcript": "hello",
        },
        {
            "type": "conversation.item.input_audio_transcription.completed",
            "item_id": "5b2f6f0e-5a2f-4a28-9f3a-0d1c2b3a4958",
            "transcript": "Hello",
            "status": "in_progress",
        },
        {
            "type": "response.output_audio.delta",
            "response_id": "0a-1",
            "item_id": "0a-2",
            "delta": AUDIO_64,
            "audio_duration_ms": 153,
        },
        {
            "type": "response.done",
            "response": {
                "id": "0a-1",
                "status": "completed",
                "status_details": "unimplemented",
                "output": None,
            },
            "usage": _USAGE,
        },
    ]
)

BETA = _number(
    [
        {
            "type": "session.created",
            "session": {
                "id": "sess_b",
                "object": "realtime.session",
                "model": "qwen-omni",
                "modalities": ["text", "audio"],
                "input_audio_format": "g711_ulaw",
                "output_audio_format": "g711_alaw",
                "tools": [{"type": "function", "function": {"name": "nested"}}],
                "temperature": 0.8,
            },
        },
        {
            "type": "conversation.item.created",
            "item": _item(
                "function_call_output", "fco_1", call_id="call_1", output='{"ok": true}'
            ),
        },
        *_spoken("resp_1", "item_2", "response.audio", "response.audio_transcript"),
        {
            "type": "response.done",
            "response": {"id": "resp_1", "status": "incomplete", "output": []},
        },
    ]
)
