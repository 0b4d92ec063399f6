"""The settings: every name, unit, default and limit is here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from attrs import field, frozen

from trio_sts.wire.realtime.session import Dialect

from .kinds import (
    choice,
    host,
    language,
    line,
    number,
    path,
    prompt,
    secret,
    switch,
    text,
    tokens,
    url,
    whole,
)
from .masking import url_repr
from .mcp import mcp_servers
from .spec import about

DAY_S = 86_400
DEFAULT_BASE_URL = "https://api.openai.com/v1"

_TURN = "OPENAI_TURN_DETECTION"
# OpenAI's own; other endpoints have others, and their case may matter.
_VOICES = frozenset(
    {
        "alloy",
        "ash",
        "ballad",
        "cedar",
        "coral",
        "echo",
        "marin",
        "sage",
        "shimmer",
        "verse",
    }
)


@frozen(kw_only=True)
class Settings:
    """What an operator may choose, checked and typed; see `trio_sts.settings.load`.

    A field's name is the variable's without ``OPENAI_`` or ``STS_``. None means that
    the feature is off or that the variable's default is not a value of its own.
    """

    # The caller leg.
    port: int = field(
        default=6030,
        metadata=about(
            "PORT", whole(0, 65535), "The listener's port; 0 takes a free one."
        ),
    )
    host: str = field(
        default="0.0.0.0",  # noqa: S104 - a container's only way in
        metadata=about("HOST", host(), "The interface to listen on."),
    )
    token: str | None = field(
        default=None,
        repr=False,
        metadata=about(
            "STS_TOKEN",
            secret(),
            "A shared secret that the caller leg must present, as `Authorization: Bearer …` "
            "or as `?token=…`.",
            secret=True,
        ),
    )
    max_calls: int = field(
        default=0,
        metadata=about(
            "STS_MAX_CALLS",
            whole(0, 100_000),
            "Calls at once; one more is refused with 503. 0 is no limit.",
        ),
    )
    max_call_s: float = field(
        default=7200,
        metadata=about(
            "STS_MAX_CALL_S", number(1, DAY_S), "The longest call.", unit="s"
        ),
    )
    idle_s: float = field(
        default=120,
        metadata=about(
            "STS_IDLE_S",
            number(1, DAY_S),
            "The longest time without caller audio while the agent is silent and no tool "
            "runs.",
            unit="s",
        ),
    )
    drain_s: float = field(
        default=8,
        metadata=about(
            "STS_DRAIN_S",
            number(0, DAY_S),
            "How long a stop waits for running calls. Containers are killed 10 s after "
            "the stop unless `stop_grace_period` says more.",
            unit="s",
        ),
    )
    caller_stall_s: float = field(
        default=5,
        metadata=about(
            "STS_CALLER_STALL_S",
            number(0.1, 60),
            "How long a caller leg may not read before it is closed.",
            unit="s",
        ),
    )
    fast_path: bool = field(
        default=True,
        metadata=about(
            "STS_FAST_PATH",
            switch(),
            "Take media frames off the wire without the WebSocket library.",
        ),
    )

    # The model leg.
    api_key: str | None = field(
        default=None,
        repr=False,
        metadata=about(
            "OPENAI_API_KEY",
            secret(),
            "The key of the model's endpoint. It or `OPENAI_API_KEY_FILE` is required "
            "unless `STS_EMBEDDED` is on.",
            example="sk-…",
            secret=True,
        ),
    )
    api_key_file: Path | None = field(
        default=None,
        metadata=about(
            "OPENAI_API_KEY_FILE",
            path(),
            "A file that holds the key, such as a container secret.",
            example="/run/secrets/openai_api_key",
        ),
    )
    model: str = field(
        default="gpt-realtime-2.1",
        metadata=about(
            "OPENAI_MODEL",
            line(),
            "The Realtime model. Retired names are mapped to their successors at "
            "api.openai.com.",
        ),
    )
    base_url: str = field(
        default=DEFAULT_BASE_URL,
        repr=url_repr,
        metadata=about(
            "OPENAI_BASE_URL",
            url("https", "http", "wss", "ws"),
            "The endpoint; `/realtime` and `?model=` are added. A host below `.azure.com` "
            "gets the key as `api-key`.",
        ),
    )
    realtime_api: Dialect = field(
        default=Dialect.GA,
        metadata=about(
            "OPENAI_REALTIME_API",
            choice(also={"ga": Dialect.GA, "beta": Dialect.BETA}),
            "Which shape of the Realtime API the endpoint speaks.",
        ),
    )
    embedded: bool = field(
        default=False,
        metadata=about(
            "STS_EMBEDDED", switch(), "Use the built-in model: no key, no network."
        ),
    )
    connect_timeout_s: float = field(
        default=10,
        metadata=about(
            "STS_CONNECT_TIMEOUT_S",
            number(0.1, 120),
            "How long one attempt to reach the model may take.",
            unit="s",
        ),
    )
    connect_budget_s: float = field(
        default=20,
        metadata=about(
            "STS_CONNECT_BUDGET_S",
            number(0.1, 600),
            "How long all attempts at the start of a call may take.",
            unit="s",
        ),
    )
    reconnect_budget_s: float = field(
        default=8,
        metadata=about(
            "STS_RECONNECT_BUDGET_S",
            number(0, 600),
            "How long a call waits for a dropped model to come back.",
            unit="s",
        ),
    )

    # What the agent is and says.
    instructions: str | None = field(
        default=None,
        repr=False,
        metadata=about(
            "OPENAI_INSTRUCTIONS",
            prompt(),
            "The prompt. `{{name}}` stands for a piece of the call's metadata, `{{uuid}}` "
            "for its id.",
            default="a built-in prompt",
            secret=True,
        ),
    )
    url_instructions: str | None = field(
        default=None,
        repr=url_repr,
        metadata=about(
            "OPENAI_URL_INSTRUCTIONS",
            url("https", "http"),
            'A web service that answers `{"system": "…"}` for each call; asked if '
            "`OPENAI_INSTRUCTIONS` is not set.",
            example="https://crm.example/prompt",
        ),
    )
    file_instructions: Path | None = field(
        default=None,
        metadata=about(
            "OPENAI_FILE_INSTRUCTIONS",
            path(),
            "A text file with the prompt; read if neither of the other two gave one.",
            example="/etc/trio-sts/prompt.txt",
        ),
    )
    voice: str = field(
        default="alloy",
        metadata=about("OPENAI_VOICE", line(known=_VOICES), "The agent's voice."),
    )
    welcome_message: str | None = field(
        default=None,
        repr=False,
        metadata=about(
            "OPENAI_WELCOME_MESSAGE",
            text(),
            "Spoken word for word as the greeting.",
            example="Hello, how can I help you?",
        ),
    )
    greeting: bool = field(
        default=True,
        metadata=about("STS_GREETING", switch(), "Whether the agent speaks first."),
    )
    greeting_protected: bool = field(
        default=False,
        metadata=about(
            "STS_GREETING_PROTECTED",
            switch(),
            "Withhold the caller's voice until the greeting was heard.",
        ),
    )
    temperature: float | None = field(
        default=None,
        metadata=about(
            "OPENAI_TEMPERATURE",
            number(0, 1.2),
            "Sent as 0.6 to 1.2 to `beta` endpoints; to others only when set, and never "
            "to OpenAI or Azure, whose API has no temperature.",
            default="0.8",
            lenient=True,
        ),
    )
    max_tokens: int | Literal["inf"] = field(
        default="inf",
        metadata=about(
            "OPENAI_MAX_TOKENS",
            tokens(4096),
            "The longest response; it holds for every response of the call.",
            lenient=True,
        ),
    )
    reasoning_effort: str = field(
        default="low",
        metadata=about(
            "OPENAI_REASONING_EFFORT",
            choice("minimal", "low", "medium", "high", "xhigh"),
            "How much `gpt-realtime-2*` models think; others are not told.",
            lenient=True,
        ),
    )

    # What the agent hears, and whose turn it is.
    language: str | None = field(
        default=None,
        metadata=about(
            "OPENAI_LANGUAGE",
            language(),
            "The language of the caller's transcripts.",
            default="auto",
            lenient=True,
        ),
    )
    transcription_model: str | None = field(
        default="whisper-1",
        metadata=about(
            "OPENAI_TRANSCRIPTION_MODEL",
            line(none="none"),
            "What writes down the caller's words; `none` turns that off.",
        ),
    )
    turn_detection: Literal["server_vad", "semantic_vad"] = field(
        default="server_vad",
        metadata=about(
            _TURN,
            choice("server_vad", "semantic_vad"),
            "How the end of the caller's turn is found.",
            lenient=True,
        ),
    )
    turn_detection_eagerness: Literal["low", "medium", "high", "auto"] = field(
        default="auto",
        metadata=about(
            f"{_TURN}_EAGERNESS",
            choice("low", "medium", "high", "auto"),
            "How soon `semantic_vad` takes the turn.",
            lenient=True,
        ),
    )
    turn_detection_threshold: float = field(
        default=0.5,
        metadata=about(
            f"{_TURN}_THRESHOLD",
            number(0, 1),
            "How loud speech must be for `server_vad`.",
            lenient=True,
        ),
    )
    turn_detection_silence_ms: int = field(
        default=500,
        metadata=about(
            f"{_TURN}_SILENCE_MS",
            whole(0, 10_000),
            "How much silence ends a turn for `server_vad`.",
            unit="ms",
            lenient=True,
        ),
    )
    turn_detection_prefix_padding_ms: int = field(
        default=300,
        metadata=about(
            f"{_TURN}_PREFIX_PADDING_MS",
            whole(0, 10_000),
            "How much audio before the speech `server_vad` adds to it.",
            unit="ms",
            lenient=True,
        ),
    )
    noise_reduction: Literal["near_field", "far_field"] | None = field(
        default=None,
        metadata=about(
            "OPENAI_NOISE_REDUCTION",
            choice("near_field", "far_field", also={"none": None}),
            "Filter the caller's audio before it is listened to.",
            default="none",
        ),
    )
    audio_format: Literal["pcm", "pcmu", "pcma"] = field(
        default="pcm",
        metadata=about(
            "OPENAI_AUDIO_FORMAT",
            choice("pcm", "pcmu", "pcma"),
            "The audio of the model leg: 24 kHz, or G.711 at a sixth of the bandwidth.",
        ),
    )
    barge_in: Literal["model", "off"] = field(
        default="model",
        metadata=about(
            "STS_BARGE_IN",
            choice("model", "off"),
            "`off`: the agent finishes what it says.",
        ),
    )
    dead_air_s: float = field(
        default=8,
        metadata=about(
            "STS_DEAD_AIR_S",
            number(1, 600),
            "How long a model that owes an answer may be silent before it is nudged.",
            unit="s",
        ),
    )
    dtmf_timeout_ms: int = field(
        default=1500,
        metadata=about(
            "STS_DTMF_TIMEOUT_MS",
            whole(100, 30_000),
            "How long after a key the number is complete.",
            unit="ms",
        ),
    )

    # Playout.
    playout_lead_ms: int = field(
        default=400,
        metadata=about(
            "STS_PLAYOUT_LEAD_MS",
            whole(20, 5000),
            "How far ahead of real time AVR Core is fed.",
            unit="ms",
        ),
    )
    playout_delay_ms: int = field(
        default=60,
        metadata=about(
            "STS_PLAYOUT_DELAY_MS",
            whole(0, 2000),
            "How long audio takes from AVR Core to the ear.",
            unit="ms",
        ),
    )
    playout_max_s: float = field(
        default=300,
        metadata=about(
            "STS_PLAYOUT_MAX_S",
            number(1, 3600),
            "How much agent audio may wait.",
            unit="s",
        ),
    )

    # Tools and call control.
    ami_url: str = field(
        default="http://127.0.0.1:6006",
        repr=url_repr,
        metadata=about(
            "AMI_URL",
            url("http", "https"),
            "avr-ami, which transfers and hangs up.",
            example="http://avr-ami:6006",
        ),
    )
    tools_dir: Path = field(
        default=Path("tools"),
        metadata=about(
            "TOOLS_DIR",
            path(),
            "The folder of your tools; `avr_tools` beside it is read too.",
        ),
    )
    mcp_servers: tuple[Mapping[str, Any], ...] = field(
        default=(),
        repr=False,
        metadata=about(
            "OPENAI_MCP_SERVERS",
            mcp_servers(),
            "Remote MCP servers that the model may call.",
            default="none",
            secret=True,
        ),
    )
    tool_timeout_s: float = field(
        default=15,
        metadata=about(
            "STS_TOOL_TIMEOUT_S",
            number(0.1, 600),
            "How long a tool may take.",
            unit="s",
        ),
    )
    tool_result_kib: int = field(
        default=32,
        metadata=about(
            "STS_TOOL_RESULT_KIB",
            whole(1, 1024),
            "How long a tool's answer may be.",
            unit="KiB",
        ),
    )
    goodbye_timeout_s: float = field(
        default=15,
        metadata=about(
            "STS_GOODBYE_TIMEOUT_S",
            number(0, 300),
            "How long a hangup or transfer waits until the goodbye was heard.",
            unit="s",
        ),
    )

    # What is written down.
    log_level: Literal["debug", "info", "warning", "error"] = field(
        default="info",
        metadata=about(
            "STS_LOG_LEVEL",
            choice("debug", "info", "warning", "error"),
            "The least important lines that are logged.",
        ),
    )
    log_format: Literal["json", "console"] | None = field(
        default=None,
        metadata=about(
            "STS_LOG_FORMAT",
            choice("json", "console"),
            "One JSON object a line, or lines for people.",
            default="json; console on a terminal",
        ),
    )
    transcript_dir: Path | None = field(
        default=None,
        metadata=about(
            "STS_TRANSCRIPT_DIR",
            path(),
            "A folder for one JSON Lines file per call; it is created if missing.",
            default="none",
            example="/var/lib/trio-sts",
        ),
    )
