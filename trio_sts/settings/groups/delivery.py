"""Where the calls that are over are told: a database, a web service."""

from pathlib import Path

from attrs import field, frozen

from trio_sts.settings.databases import database
from trio_sts.settings.kinds import path, url
from trio_sts.settings.masking import url_repr
from trio_sts.settings.spec import about
from trio_sts.settings.webhooks import webhook_secret


@frozen(kw_only=True, slots=False)
class Delivery:
    """Where the calls that are over are told."""

    calls_db: str | None = field(
        default=None,
        repr=url_repr,
        metadata=about(
            "STS_CALLS_DB",
            database(),
            "The database that gets a row for each call; it is waited for while it is "
            "away. `trio-sts calls` reads it.",
            default="none",
            example="sqlite:///calls.db",
        ),
    )
    webhook_url: str | None = field(
        default=None,
        repr=url_repr,
        metadata=about(
            "STS_WEBHOOK_URL",
            url("https", "http"),
            "A web service that is told each call that is over, with its transcript, "
            "signed as Standard Webhooks say.",
            default="none",
            example="https://crm.example/calls",
        ),
    )
    webhook_secret: str | None = field(
        default=None,
        repr=False,
        metadata=about(
            "STS_WEBHOOK_SECRET",
            webhook_secret(),
            "What the webhook is signed with. It or `STS_WEBHOOK_SECRET_FILE` is required "
            "if `STS_WEBHOOK_URL` is set.",
            secret=True,
        ),
    )
    webhook_secret_file: Path | None = field(
        default=None,
        metadata=about(
            "STS_WEBHOOK_SECRET_FILE",
            path(),
            "A file that holds the secret, such as a container secret.",
            example="/run/secrets/webhook_secret",
        ),
    )
