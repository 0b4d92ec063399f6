"""The console: where it is opened, and who may look."""

from attrs import field, frozen

from trio_sts.settings.kinds import host, secret, whole
from trio_sts.settings.lists import host_names
from trio_sts.settings.spec import about


@frozen(kw_only=True, slots=False)
class Admin:
    """The console: where it is opened, and who may look."""

    admin_port: int | None = field(
        default=None,
        metadata=about(
            "STS_ADMIN_PORT",
            whole(0, 65535),
            "The console's port; 0 takes a free one. Without it there is no console, "
            "unless `trio-sts serve --console` opens it on port 6090.",
            default="none",
            example="6090",
        ),
    )
    admin_host: str = field(
        default="127.0.0.1",
        metadata=about(
            "STS_ADMIN_HOST",
            host(),
            "The interface of the console; one that others can reach needs "
            "`STS_ADMIN_TOKEN`.",
        ),
    )
    admin_token: str | None = field(
        default=None,
        repr=False,
        metadata=about(
            "STS_ADMIN_TOKEN",
            secret(),
            "What the console asks for: on its login page, or as `Authorization: Bearer …`.",
            secret=True,
            no_words=True,
        ),
    )
    console_services: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "STS_CONSOLE_SERVICES",
            host_names(),
            "Other hosts to whose services the console's *Talk* may connect, beside this "
            "service itself.",
            default="none",
            example="sts-2.example.org:6030",
        ),
    )
