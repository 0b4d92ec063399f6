from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
import trio
from attrs import evolve

from tests.paths import an_endpoint
from tests.peers.model import Event, Script, ScriptedSession, scripted_model
from trio_sts.errors import ModelError, ModelRefused, ModelUnreachable
from trio_sts.legs.model import open_model
from trio_sts.legs.optional_fields import RefusedFields, refused_field
from trio_sts.legs.setup import set_up
from trio_sts.wire.realtime.items import ErrorDetail, SessionInfo
from trio_sts.wire.realtime.session import (
    Dialect,
    FunctionTool,
    OptionalField,
    SessionConfig,
    TurnDetection,
    ga_session,
)

PLAIN = SessionConfig("Be brief.")
RICH = SessionConfig(
    "Be brief.",
    tools=(FunctionTool("avr_hangup", "Ends the call.", {"type": "object"}),),
    mcp_servers=(
        {"server_label": "crm", "server_url": "https://crm.example/mcp"},
        {"server_label": "kb", "server_url": "https://kb.example/mcp"},
    ),
    turn_detection=TurnDetection(type="semantic_vad", eagerness="low"),
    language="de",
    noise_reduction="near_field",
    temperature=0.7,
    reasoning_effort="low",
)

# As endpoints name them: the param, and where the update that is accepted lacks it.
REFUSED: dict[str, tuple[str, ...]] = {
    "session.temperature": ("temperature",),
    "session.reasoning.effort": ("reasoning",),
    "session.audio.input.noise_reduction": ("audio", "input", "noise_reduction"),
    "session.audio.input.transcription.language": (
        "audio",
        "input",
        "transcription",
        "language",
    ),
    "session.parallel_tool_calls": ("parallel_tool_calls",),
    "session.audio.input.turn_detection.eagerness": (
        "audio",
        "input",
        "turn_detection",
        "eagerness",
    ),
}


def has(session: Event, path: Iterable[str]) -> bool:
    value: Any = session
    for name in path:
        if name not in value:
            return False
        value = value[name]
    return True


def picky(*params: str, by_message: bool = False) -> Script:
    """An endpoint that refuses these fields, one at a time, wherever it sees one."""

    async def script(session: ScriptedSession) -> None:
        await session.create()
        while True:
            update = await session.expect("session.update")
            found = [name for name in params if has(update["session"], REFUSED[name])]
            if not found:
                await session.update()
                return
            await session.error(
                "unknown_parameter",
                f"Unknown parameter: '{found[0]}'.",
                param=None if by_message else found[0],
            )

    return script


async def tried(
    script: Script,
    config: SessionConfig = PLAIN,
    fields: RefusedFields | None = None,
    **options: Any,
) -> tuple[SessionInfo | ModelError, list[ScriptedSession]]:
    """How one set-up ends, and the connections that it took."""
    dialect = options.pop("dialect", Dialect.GA)
    async with scripted_model(script, judged=False, dialect=dialect) as model:
        endpoint = an_endpoint(model.url, dialect=dialect, **options)
        fields = fields or RefusedFields()
        try:
            async with open_model(endpoint) as leg:
                return await set_up(leg, config, fields), model.sessions
        except ModelError as failure:
            return failure, model.sessions


@pytest.mark.parametrize("dialect", list(Dialect))
async def test_a_session_takes_one_update(dialect: Dialect) -> None:
    async def agree(session: ScriptedSession) -> None:
        await session.set_up()

    async with scripted_model(agree, dialect=dialect) as model:
        async with open_model(an_endpoint(model.url, dialect=dialect)) as leg:
            info = await set_up(leg, PLAIN, RefusedFields())
            session = await model.next_session()

            assert session.types == ["session.update"]
            assert (info.input_format, info.output_format) == ("pcm", "pcm")
            assert info.expires_at == leg.created.expires_at


@pytest.mark.parametrize("by_message", [False, True])
@pytest.mark.parametrize("rounds", [1, 2, 3, 4, 5])
async def test_up_to_five_optional_fields_may_be_refused(
    rounds: int, by_message: bool
) -> None:
    names = list(REFUSED)[:rounds]

    info, (session,) = await tried(picky(*names, by_message=by_message), RICH)

    assert isinstance(info, SessionInfo)
    assert session.types == ["session.update"] * (rounds + 1)
    for name, path in REFUSED.items():
        assert has(session.session, path) is (name not in names)


async def test_a_sixth_refusal_is_one_too_many() -> None:
    failure, (session,) = await tried(picky(*REFUSED), RICH)

    assert isinstance(failure, ModelRefused)
    assert session.types == ["session.update"] * 6


async def test_the_process_remembers_what_an_endpoint_refuses() -> None:
    fields = RefusedFields()
    names = list(REFUSED)[:3]
    async with scripted_model(picky(*names), judged=False) as model:
        endpoint = an_endpoint(model.url)
        for _ in range(2):
            async with open_model(endpoint) as leg:
                await set_up(leg, RICH, fields)
        again = evolve(endpoint, url=model.url + "-mini")
        async with open_model(again) as leg:
            await set_up(leg, RICH, fields)

        counts = [len(session.types) for session in model.sessions]
        assert counts == [4, 1, 4]


@pytest.mark.parametrize(
    ("param", "message"),
    [
        ("session.audio.output.voice", "Invalid value: 'nobody'."),
        ("session.instructions", "Too long."),
        ("session.audio.input.format", "Invalid value."),
        ("session.audio.input.turn_detection.type", "Invalid value: 'semantic_vad'."),
        ("session.tools[0].parameters", "Not a schema."),
        ("session.tools[9]", "There is none."),
        ("session.tools", "Invalid function name: 'avr_hangup'."),
        (None, "Invalid value: 'nobody'."),
    ],
)
async def test_a_mandatory_field_cannot_be_left_out(
    param: str | None, message: str
) -> None:
    async def refuse(session: ScriptedSession) -> None:
        await session.create()
        await session.error("invalid_value", message, param=param)

    failure, (session,) = await tried(refuse, RICH)

    assert isinstance(failure, ModelRefused)
    assert failure.code == "invalid_value"
    assert (param or "session") in failure.reason_for_caller
    assert session.types == ["session.update"]


async def test_a_field_that_is_refused_although_it_was_left_out_ends_it() -> None:
    async def refuse(session: ScriptedSession) -> None:
        await session.create()
        for _ in range(2):
            await session.expect("session.update")
            await session.error("unknown_parameter", param="session.temperature")

    failure, (session,) = await tried(refuse, RICH)

    assert isinstance(failure, ModelRefused)
    assert session.types == ["session.update"] * 2


@pytest.mark.parametrize(
    ("param", "message", "name"),
    [
        ("session.tools[1].server_url", "Unreachable.", "mcp.crm"),
        ("session.tools.2", "No.", "mcp.kb"),
        ("session.tools", "Duplicate server_label 'kb'.", "mcp.kb"),
        ("session.tools", "All of them.", None),
        ("session.input_audio_transcription", "No.", "transcription"),
        ("session.input_audio_transcription.language", "", "transcription.language"),
        ("session.input_audio_noise_reduction.type", "", "noise_reduction"),
        ("session.max_response_output_tokens", "", "max_output_tokens"),
        ("session.turn_detection.threshold", "", "turn_detection.threshold"),
        ("audio.input.transcription.model", "", "transcription.model"),
        (
            "session.audio.input.transcription.languages[0]",
            "",
            "transcription.language",
        ),
        ("session.audio.output.speed", "", "speed"),
        ("session.truncation.retention_ratio", "", "truncation"),
        ("session", 'Unknown parameter: "temperature"', "temperature"),
        (None, "Unsupported: `session.reasoning`", "reasoning"),
        (None, "Invalid 'type' in 'session.reasoning'", "reasoning"),
        (None, "Nothing quoted", None),
        ("session.voice", "Invalid value: 'temperature'", None),
        ("temperatures", "", None),
    ],
)
def test_the_refused_field_is_found(
    param: str | None, message: str, name: str | None
) -> None:
    error = ErrorDetail(message=message, param=param)

    found = refused_field(error, ga_session(RICH, frozenset()))
    assert (found and str(found)) == name


@pytest.mark.parametrize("param", ["transcription", "transcription.model"])
async def test_a_default_transcriber_falls_back_to_the_next_and_then_to_none(
    param: str,
) -> None:
    asked: list[Any] = []

    async def refuse(session: ScriptedSession) -> None:
        await session.create()
        while True:
            update = await session.expect("session.update")
            given: dict[str, Any] = update["session"]["audio"]["input"]
            words: dict[str, Any] = given.get("transcription") or {}
            asked.append(words.get("model"))
            if "transcription" not in given:
                await session.update()
                return
            path = f"session.audio.input.{param}"
            await session.error("invalid_value", "No such model.", param=path)

    config = evolve(
        PLAIN, transcription_model="gpt-transcribe", transcription_fallback="whisper-1"
    )
    fields = RefusedFields()
    info, _ = await tried(refuse, config, fields)
    assert isinstance(info, SessionInfo)
    assert asked == ["gpt-transcribe", "whisper-1", None]


@pytest.mark.parametrize("field", OptionalField)
@pytest.mark.parametrize("prefix", ["", "session.", "session.audio.input."])
def test_every_optional_field_is_found_under_its_own_name(
    field: OptionalField, prefix: str
) -> None:
    error = ErrorDetail(param=prefix + field.value)

    assert refused_field(error, ga_session(RICH, frozenset())) is field


@pytest.mark.parametrize("way", ["input", "output"])
@pytest.mark.parametrize(
    "shown", [{"type": "audio/pcm", "rate": 16000}, {"type": "audio/pcma"}]
)
async def test_a_wrong_format_echo_is_final(way: str, shown: Event) -> None:
    async def change(session: ScriptedSession) -> None:
        await session.create()
        update = await session.expect("session.update")
        audio = update["session"]["audio"]
        audio[way]["format"] = shown
        await session.update(audio=audio)

    config = evolve(PLAIN, audio_format="pcmu")
    failure, (session,) = await tried(change, config)

    assert isinstance(failure, ModelRefused)
    assert way in failure.reason_for_caller
    assert len(session.types) == 1


@pytest.mark.parametrize(
    "audio", [None, {}, {"input": None}, {"output": {"voice": "x"}}]
)
async def test_an_endpoint_that_echoes_no_format_is_trusted(audio: object) -> None:
    async def mumble(session: ScriptedSession) -> None:
        await session.create()
        await session.expect("session.update")
        await session.update(audio=audio)

    info, _ = await tried(mumble)

    assert isinstance(info, SessionInfo)
    assert info.input_format is None


async def test_unrelated_events_do_not_disturb() -> None:
    async def chatter(session: ScriptedSession) -> None:
        await session.create()
        await session.expect("session.update")
        await session.send_raw('{"type": "conversation.created", "conversation": {}}')
        await session.send_raw('{"type": "ping", "timestamp": 1}')
        await session.send_raw("nonsense")
        await session.update()

    info, _ = await tried(chatter)

    assert isinstance(info, SessionInfo)


@pytest.mark.parametrize("mishap", ["abort", "close", "server_error"])
async def test_a_connection_lost_in_the_set_up_is_dialled_again(
    mishap: str, autojump_clock: trio.testing.MockClock
) -> None:
    async def stumble(session: ScriptedSession) -> None:
        await session.create()
        await session.expect("session.update")
        if session.index == 1:
            await session.update()
        elif mishap == "abort":
            await session.abort()
        elif mishap == "close":
            await session.close(1011)
        else:
            await session.error("server_error", kind="server_error")

    info, sessions = await tried(stumble)

    assert isinstance(info, SessionInfo)
    assert len(sessions) == 2
    assert all(len(session.types) == 1 for session in sessions)


async def test_an_endpoint_that_always_drops_the_set_up_is_given_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def drop(session: ScriptedSession) -> None:
        await session.create()
        await session.expect("session.update")
        await session.close(1011)

    start = trio.current_time()
    failure, sessions = await tried(drop, connect_budget_s=8)

    assert isinstance(failure, ModelUnreachable)
    assert "1011" in failure.reason_for_caller
    assert trio.current_time() - start <= 8.5
    assert 3 < len(sessions) < 20


async def test_a_silent_endpoint_is_given_up_within_the_budget(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def create(session: ScriptedSession) -> None:
        await session.create()

    start = trio.current_time()
    failure, sessions = await tried(create, connect_budget_s=8)

    assert isinstance(failure, ModelUnreachable)
    assert failure.reason_for_caller == "the model's endpoint did not answer in time"
    assert trio.current_time() - start == pytest.approx(8)
    assert len(sessions) == 3


@pytest.mark.parametrize(
    ("budget_s", "timeout_s", "attempt_s"),
    [(8, 10, 8 / 3), (20, 10, 20 / 3), (20, 2, 2)],
)
async def test_an_update_that_is_never_answered_costs_one_attempt(
    autojump_clock: trio.testing.MockClock,
    budget_s: float,
    timeout_s: float,
    attempt_s: float,
) -> None:
    async def answer_the_second(session: ScriptedSession) -> None:
        if session.index == 0:
            await session.create()
        else:
            await session.set_up()

    start = trio.current_time()
    async with scripted_model(answer_the_second) as model:
        endpoint = an_endpoint(
            model.url, connect_budget_s=budget_s, connect_timeout_s=timeout_s
        )
        async with open_model(endpoint) as leg:
            await set_up(leg, PLAIN, RefusedFields())
            took_s = trio.current_time() - start

            # And the first pause, of 0.125 to 0.25 s.
            assert attempt_s + 0.12 <= took_s <= attempt_s + 0.35
            assert len(model.sessions) == 2


async def test_the_set_up_has_what_the_dialling_left_of_the_attempt(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def create_late(session: ScriptedSession) -> None:
        if session.index == 0:
            await trio.sleep(2)
            await session.create()
        else:
            await session.set_up()

    start = trio.current_time()
    async with scripted_model(create_late) as model:
        async with open_model(an_endpoint(model.url, connect_budget_s=9)) as leg:
            await set_up(leg, PLAIN, RefusedFields())

            assert trio.current_time() - start == pytest.approx(3 + 0.22, abs=0.1)


async def test_the_pauses_grow_over_sessions_that_are_not_set_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    opened_at: list[float] = []

    async def hang_up(session: ScriptedSession) -> None:
        opened_at.append(trio.current_time())
        await session.create()
        await session.close(1011)

    await tried(hang_up, connect_budget_s=20)

    gaps_s = [later - at for at, later in pairwise(opened_at)]
    for gap_s, most_s in zip(gaps_s, (0.25, 0.5, 1, 2), strict=False):
        assert most_s / 2 <= gap_s <= most_s + 0.1


@pytest.mark.parametrize("code", ["insufficient_quota", "model_not_found"])
async def test_a_final_error_in_the_set_up_is_final(code: str) -> None:
    async def refuse(session: ScriptedSession) -> None:
        await session.create()
        await session.error(code)

    failure, (_,) = await tried(refuse)

    assert isinstance(failure, ModelRefused)
    assert failure.code == code


async def test_a_close_with_4000_in_the_set_up_is_final() -> None:
    async def close(session: ScriptedSession) -> None:
        await session.create()
        await session.expect("session.update")
        await session.close(4000)

    failure, (_,) = await tried(close)

    assert isinstance(failure, ModelRefused)
