"""What is written down."""

from pathlib import Path
from typing import Literal

from attrs import field, frozen

from trio_sts.settings.kinds import choice, path
from trio_sts.settings.spec import about


@frozen(kw_only=True, slots=False)
class Records:
    """What is written down."""

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
