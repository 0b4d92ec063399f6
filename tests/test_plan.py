"""The plan: the settings as the core and the session see them."""

from attrs import evolve

from trio_sts import sounds
from trio_sts.conversation.config import ControlKind, Rules
from trio_sts.plan import rules, session_config
from trio_sts.settings import Settings
from trio_sts.wire.realtime.session import FunctionTool, SessionConfig, TurnDetection

SETTINGS = Settings(api_key="key")


def test_the_default_settings_are_the_default_rules() -> None:
    built_in: dict[str, ControlKind] = {
        "avr_hangup": "hangup",
        "avr_transfer": "transfer",
    }
    assert rules(SETTINGS, built_in) == Rules(
        apology=sounds.apology(), hold_sound=sounds.hold()
    )


def test_sounds_may_be_left_out() -> None:
    quiet = rules(evolve(SETTINGS, apology="off", hold_sound="off"), {})
    assert (quiet.apology, quiet.hold_sound) == (b"", b"")


def test_every_rule_follows_its_setting() -> None:
    changed = Settings(
        audio_format="pcmu",
        playout_lead_ms=1,
        playout_delay_ms=2,
        playout_max_s=3,
        transcription_model=None,
        barge_in="off",
        greeting=False,
        greeting_protected=True,
        goodbye_timeout_s=4,
        dtmf_timeout_ms=5,
        dead_air_s=6,
        max_call_s=7,
        idle_s=8,
        thinking_max_s=9,
        silence_prompt_s=10,
        farewell=False,
        hangup_grace_ms=11,
        fallback_extension="100",
        fallback_context="office",
        hold_sound="soft",
    )
    assert rules(changed, {"forward": "transfer"}) == Rules(
        thinking_max_s=9,
        silence_prompt_s=10,
        farewell=False,
        hangup_grace_ms=11,
        call_control={"forward": "transfer"},
        fallback=("100", "office"),
        apology=sounds.apology(),
        hold_sound=sounds.hold(),
        hold_sound_always=True,
        audio_format="pcmu",
        playout_lead_ms=1,
        playout_delay_ms=2,
        playout_max_s=3,
        caller_transcripts=False,
        barge_in=False,
        greeting=False,
        greeting_protected=True,
        goodbye_timeout_s=4,
        dtmf_timeout_ms=5,
        dead_air_s=6,
        max_call_s=7,
        idle_s=8,
    )


def test_the_default_settings_ask_for_the_default_session() -> None:
    assert session_config(SETTINGS, "Be kind.", []) == SessionConfig(
        instructions="Be kind.",
        transcription_model="gpt-transcribe",
        transcription_fallback="whisper-1",
        transcription_lists=True,
        reasoning_effort="low",
    )


def test_every_field_of_a_session_follows_its_setting() -> None:
    tool = FunctionTool("look", "Looks.", {"type": "object"})
    changed = Settings(
        base_url="ws://local/v1",
        model="gpt-realtime",
        voice="sage",
        audio_format="pcma",
        mcp_servers=({"type": "mcp", "server_label": "a"},),
        transcription_model=None,
        language="it",
        noise_reduction="far_field",
        max_tokens=100,
        temperature=1.0,
        reasoning_effort="high",
        transcription_keywords=("Acme",),
        truncation=0.8,
        speed=1.25,
        turn_detection_threshold=0.7,
        turn_detection_silence_ms=1,
        turn_detection_prefix_padding_ms=2,
        turn_detection_eagerness="high",
        barge_in="off",
    )
    assert session_config(changed, "x", [tool]) == SessionConfig(
        instructions="x",
        voice="sage",
        audio_format="pcma",
        tools=(tool,),
        mcp_servers=({"type": "mcp", "server_label": "a"},),
        turn_detection=TurnDetection("server_vad", 0.7, 1, 2, None, False),
        transcription_model=None,
        language="it",
        noise_reduction="far_field",
        max_tokens=100,
        temperature=1.0,
        reasoning_effort=None,
        transcription_keywords=("Acme",),
        truncation=0.8,
        speed=1.25,
    )


def test_semantic_detection_gets_its_eagerness_and_nothing_else() -> None:
    semantic = evolve(
        SETTINGS, turn_detection="semantic_vad", turn_detection_eagerness="low"
    )
    expected = TurnDetection("semantic_vad", None, None, None, "low", True)
    assert session_config(semantic, "x", []).turn_detection == expected


def test_a_fallback_goes_to_the_context_of_the_caller_s_own_telephone_system() -> None:
    settings = evolve(SETTINGS, fallback_extension="100")
    assert rules(settings, {}).fallback == ("100", "demo")
    assert rules(settings, {}, context="sales").fallback == ("100", "sales")
    named = evolve(settings, fallback_context="office")
    assert rules(named, {}, context="sales").fallback == ("100", "office")
