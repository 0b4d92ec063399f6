"""Tools and call control."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from attrs import field, frozen

from trio_sts.settings.kinds import line, number, path, switch, url, whole
from trio_sts.settings.lists import extension, extensions, tool_names
from trio_sts.settings.masking import url_repr
from trio_sts.settings.mcp import mcp_servers
from trio_sts.settings.sounds import Sound, sound
from trio_sts.settings.spec import about


@frozen(kw_only=True, slots=False)
class Tools:
    """Tools and call control."""

    ami_url: str | None = field(
        default="http://127.0.0.1:6006",
        repr=url_repr,
        metadata=about(
            "AMI_URL",
            url("http", "https"),
            "avr-ami, which transfers and hangs up the calls of AVR Core.",
            example="http://avr-ami:6006",
            costs="avr_hangup and avr_transfer are not offered to calls of AVR Core",
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
    hangup_grace_ms: int = field(
        default=800,
        metadata=about(
            "STS_HANGUP_GRACE_MS",
            whole(0, 10_000),
            "How much longer a hangup waits after the goodbye was heard; a transfer waits "
            "300 ms of it at most.",
            unit="ms",
        ),
    )
    farewell: bool = field(
        default=True,
        metadata=about(
            "STS_FAREWELL",
            switch(),
            "Ask for a spoken goodbye before a hangup without one.",
        ),
    )
    call_control_tools: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "STS_CALL_CONTROL_TOOLS",
            tool_names(),
            "Further tools that end the call or transfer it, and so wait for the goodbye.",
            default="none",
            example="hang_up_now,to_the_front_desk",
        ),
    )
    tools_off: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "STS_TOOLS_OFF",
            tool_names(),
            "Tools that are never offered, built-in ones too.",
            default="none",
            example="avr_transfer",
        ),
    )
    transfer_to: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "STS_TRANSFER_TO",
            extensions(),
            "The extensions that `avr_transfer` may use.",
            default="any",
            example="100,2??",
        ),
    )
    apology: Literal["on", "off"] | Sound = field(
        default="on",
        metadata=about(
            "STS_APOLOGY",
            sound("on", "off"),
            "What a caller hears when the model cannot be had: a built-in English "
            "sentence, or a WAV file.",
        ),
    )
    fallback_extension: str | None = field(
        default=None,
        metadata=about(
            "STS_FALLBACK_EXTENSION",
            extension(),
            "Where a caller is transferred to when the model cannot be had.",
            default="none",
            example="100",
        ),
    )
    fallback_context: str | None = field(
        default=None,
        metadata=about(
            "STS_FALLBACK_CONTEXT",
            line(),
            "The dialplan context of `STS_FALLBACK_EXTENSION`. For calls that Asterisk "
            "itself dials it is, unless it is set, the `context` of their metadata, else "
            "`default`.",
            default="demo, for AVR Core",
            example="demo",
        ),
    )
