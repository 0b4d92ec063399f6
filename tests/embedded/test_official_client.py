"""The vendor's own Python client holds a conversation with the embedded model."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest
import trio
from openai import AuthenticationError, OpenAI
from openai.resources.realtime.realtime import RealtimeConnection

from trio_sts.embedded import Endpoint
from trio_sts.embedded.speech.voice import speak
from trio_sts.modelcheck import ask_endpoint
from trio_sts.settings import Settings

from .client import running_model


def _until(connection: RealtimeConnection, kind: str) -> Iterator[Any]:
    for event in connection:
        yield event
        if event.type == kind:
            return


def _say(connection: RealtimeConnection, text: str) -> None:
    pcm = bytes(9600) + speak(text, rate_hz=24_000) + bytes(48_000)
    for first in range(0, len(pcm), 4800):
        audio = base64.b64encode(pcm[first : first + 4800]).decode()
        connection.input_audio_buffer.append(audio=audio)


def _hear(connection: RealtimeConnection) -> tuple[str, str, int]:
    """The next answer: its item's id, its words and its length in ms."""
    item_id, words, size = "", "", 0
    for event in _until(connection, "response.done"):
        assert event.type != "error", event
        if event.type == "response.output_audio.delta":
            item_id, size = event.item_id, size + len(base64.b64decode(event.delta))
        elif event.type == "response.output_audio_transcript.done":
            words = event.transcript
    return item_id, words, size // 48


def _converse(url: str) -> list[str]:
    client = OpenAI(
        api_key="the right key",
        base_url=url.replace("ws://", "http://"),
        websocket_base_url=url,
        max_retries=0,
    )
    with client, client.realtime.connect(model="gpt-realtime-2.1") as connection:
        connection.session.update(
            session={
                "type": "realtime",
                "instructions": "Be kind.",
                "audio": {"input": {"transcription": {"model": "whisper-1"}}},
            }
        )
        updated = list(_until(connection, "session.updated"))[-1]
        assert updated.session.instructions == "Be kind."
        _say(connection, "tell me a story")
        item_id, story, length_ms = _hear(connection)
        assert length_ms >= 10_000
        connection.conversation.item.truncate(
            item_id=item_id, content_index=0, audio_end_ms=4000
        )
        *_, truncated = _until(connection, "conversation.item.truncated")
        assert truncated.audio_end_ms == 4000
        _say(connection, "could you repeat that")
        _, again, _ = _hear(connection)
        _say(connection, "what are your opening hours")
        return [story, again, _hear(connection)[1]]


@pytest.mark.filterwarnings(
    # The client calls `websockets` in a way that `websockets` will not support for ever.
    "ignore:connect.. must be used as a context manager:DeprecationWarning"
)
async def test_the_vendors_client_speaks_hears_and_interrupts() -> None:
    async with running_model(api_key="the right key") as endpoint:
        with trio.fail_after(30):
            said = await trio.to_thread.run_sync(
                _converse, endpoint.url, abandon_on_cancel=True
            )
        story, again, hours = said
        assert story.startswith(again)
        assert 20 < len(again) < 100
        assert hours.startswith("We are open")
        assert _record(endpoint)[:2] == [
            ("user", "tell me a story"),
            ("assistant", again),
        ]


def _record(endpoint: Endpoint) -> list[tuple[str, str]]:
    return endpoint.sessions[-1].conversation.transcript()


@pytest.mark.parametrize("key", ["the right key", "a wrong one"])
async def test_it_finds_out_whether_its_key_is_taken(key: str) -> None:
    def names(url: str) -> list[str] | None:
        with OpenAI(api_key=key, base_url=url, max_retries=0) as client:
            if key == "the right key":
                return [model.id for model in client.models.list()]
            with pytest.raises(AuthenticationError, match="API key") as refused:
                client.models.list()
            assert refused.value.code == "invalid_api_key"
            return None

    async with running_model(api_key="the right key") as endpoint:
        url = endpoint.url.replace("ws://", "http://")
        found = await trio.to_thread.run_sync(names, url)
        settings = Settings(api_key=key, base_url=url)
        verdict = await ask_endpoint(settings)
    if key == "the right key":
        assert found is not None
        assert "gpt-realtime-2.1" in found
        assert verdict.level == "ok"
    else:
        assert found is None
        assert verdict.level == "warning"
