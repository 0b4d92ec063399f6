"""Calls that Asterisk itself dials, and its REST interface."""

from pathlib import Path

from attrs import field, frozen

from trio_sts.settings.ari import ari_password, ari_url, ari_user
from trio_sts.settings.kinds import path, switch
from trio_sts.settings.masking import url_repr
from trio_sts.settings.spec import about


@frozen(kw_only=True, slots=False)
class Asterisk:
    """Calls that Asterisk itself dials, and its REST interface."""

    asterisk: bool = field(
        default=True,
        metadata=about(
            "STS_ASTERISK",
            switch(),
            "Take calls that Asterisk itself dials (`chan_websocket`) on the same port; "
            "`off` refuses them with 400.",
        ),
    )
    ari_url: str | None = field(
        default=None,
        repr=url_repr,
        metadata=about(
            "STS_ARI_URL",
            ari_url(),
            "Asterisk's REST interface, which transfers and hangs up the callers of such "
            "calls; without it the dialplan does so. With it, user and password are "
            "required.",
            default="none",
            example="http://127.0.0.1:8088/ari",
        ),
    )
    ari_user: str | None = field(
        default=None,
        metadata=about(
            "STS_ARI_USER",
            ari_user(),
            "The user of that interface: a section of `ari.conf` that is not `read_only`.",
            default="none",
            example="trio-sts",
        ),
    )
    ari_password: str | None = field(
        default=None,
        repr=False,
        metadata=about(
            "STS_ARI_PASSWORD",
            ari_password(),
            "The password of that user; it may be in `STS_ARI_PASSWORD_FILE` instead.",
            secret=True,
        ),
    )
    ari_password_file: Path | None = field(
        default=None,
        metadata=about(
            "STS_ARI_PASSWORD_FILE",
            path(),
            "A file that holds the password, such as a container secret.",
            example="/run/secrets/ari_password",
        ),
    )
