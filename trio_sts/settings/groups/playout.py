"""How the agent's audio is fed to AVR Core."""

from attrs import field, frozen

from trio_sts.settings.kinds import number, whole
from trio_sts.settings.spec import about


@frozen(kw_only=True, slots=False)
class Playout:
    """How the agent's audio is fed to AVR Core."""

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
