"""What is in no call file, whatever the peers repeat."""

import gzip
from pathlib import Path

import pytest
from trio.testing import MockClock

from tests.peers.core import calling
from tests.peers.model import scripted_model

from .kit import talking
from .service import KEY, serving

TOKEN = "token-91Zz-never"
NUMBER = "+4930777123"
WORDS = "marmalade"
DIGITS = "73914"
PROMPT = "Always be a Brontosaurus."


async def _a_call(folder: Path, keeps_text: str) -> bytes:
    """One in which everybody says everything."""
    async with (
        scripted_model() as model,
        serving(
            model.base_url,
            STS_RECORD_DIR=str(folder),
            STS_RECORD_TEXT=keeps_text,
            STS_TOKEN=TOKEN,
            OPENAI_INSTRUCTIONS=f"{PROMPT} {{{{from}}}}",
            OPENAI_WELCOME_MESSAGE=f"Hello, {WORDS}!",
            OPENAI_TRANSCRIPTION_KEYWORDS=f"{WORDS},{NUMBER}",
        ) as service,
        calling(f"{service.url}/?token={TOKEN}&from=%2B4930777123") as core,
    ):
        await core.init(
            f"call-{NUMBER}-{NUMBER[1:]}",
            provider_config={"prompt": WORDS, "number": NUMBER, "key": KEY},
        )
        session = await model.next_session()
        await session.expect("response.create")
        # What follows is what no endpoint should send.
        session.judged = False
        await core.press(f"{DIGITS}#")
        await session.expect("conversation.item.create")
        async with session.response() as response:
            await response.say(bytes(9_600), f"It is {WORDS} for {NUMBER}.")
            arguments = f'{{"pin": "{DIGITS}", "who": "{WORDS} {NUMBER}"}}'
            await response.call("look_up", arguments)
        item = await session.speech(transcript=f"I said {WORDS} {KEY}.")
        await session.transcribed(item, f"{WORDS} {TOKEN}")
        await session.error(code="odd", message=f"{WORDS} {KEY} {NUMBER}")
        await session.send(f"odd.{WORDS}.{NUMBER}", words=WORDS, number=NUMBER)
        await core.send({"type": "odd", "words": WORDS, "digit": DIGITS})
        await core.wait_audio(200)
        await session.expect("conversation.item.create")
    return _told(folder)


def _told(folder: Path) -> bytes:
    """The name of the one file in a folder, and what is in it."""
    (path,) = folder.glob("*.call")
    return path.name.encode() + b"\n" + gzip.decompress(path.read_bytes())


@pytest.mark.parametrize("keeps_text", ["on", "off"])
async def test_key_token_and_digits_are_in_no_file(
    hurried_clock: MockClock, tmp_path: Path, keeps_text: str
) -> None:
    told = await _a_call(tmp_path / "calls", keeps_text)
    name = told.partition(b"\n")[0]
    for secret in (KEY, TOKEN, DIGITS):
        assert secret.encode() not in told, secret
    assert NUMBER[1:].encode() not in name
    if keeps_text == "on":
        assert WORDS.encode() in told
        assert PROMPT.encode() in told


async def test_without_texts_no_word_and_no_number_is_in_the_file(
    hurried_clock: MockClock, tmp_path: Path
) -> None:
    told = await _a_call(tmp_path / "calls", "off")
    # An event's type is the endpoint's own word for it, and no text.
    told = told.replace(f"odd.{WORDS}.".encode(), b"")
    for secret in (WORDS, "Brontosaurus", "Always be", NUMBER, NUMBER[1:], "look_up"):
        assert (secret.encode() in told) is (secret == "look_up"), secret


async def test_a_call_that_wants_no_record_leaves_none(
    hurried_clock: MockClock, tmp_path: Path
) -> None:
    folder = tmp_path / "calls"
    async with talking(STS_RECORD_DIR=str(folder)) as talk:
        await talk.core.hang_up()
    async with (
        scripted_model() as model,
        serving(model.base_url, STS_RECORD_DIR=str(folder)) as service,
        calling(service.url) as core,
    ):
        await core.init("call-2", provider_config={"record": False})
        await (await model.next_session()).expect("response.create")
    assert [path.name[-11:] for path in folder.iterdir()] == ["call-1.call"]
