"""The caller leg: where it comes in, who may, and for how long."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Final, Literal

from attrs import field, frozen

from trio_sts.settings.kinds import (
    DAY_S,
    host,
    number,
    path,
    secret,
    switch,
    whole,
    workers,
)
from trio_sts.settings.lists import networks
from trio_sts.settings.spec import about

MOST_WORKERS: Final = 256


@frozen(kw_only=True, slots=False)
class Listener:
    """The caller leg: where it comes in, who may, and for how long."""

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
            "A shared secret that the caller leg must present, and who reads `/metrics` or "
            "asks where a call goes on: as `Authorization: Bearer …`, as the password of "
            "`Authorization: Basic …`, or as `?token=…`.",
            secret=True,
            no_words=True,
        ),
    )
    tls_cert: Path | None = field(
        default=None,
        metadata=about(
            "STS_TLS_CERT",
            path(),
            "A file with the listener's certificate and those between it and its issuer, "
            "in PEM form: then the port speaks TLS alone (`wss://`). Read again on SIGHUP.",
            example="/run/secrets/tls.crt",
        ),
    )
    tls_key: Path | None = field(
        default=None,
        metadata=about(
            "STS_TLS_KEY",
            path(),
            "A file with the certificate's key, in PEM form and without a password.",
            example="/run/secrets/tls.key",
        ),
    )
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = field(
        default=(),
        metadata=about(
            "STS_TRUSTED_PROXIES",
            networks(),
            "Networks of the proxies in front, whose `X-Forwarded-For` and PROXY protocol "
            "(version 1 or 2) are believed; others' are not.",
            default="none",
            example="10.0.0.0/8",
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
    ready_when_full: bool = field(
        default=True,
        metadata=about(
            "STS_READY_WHEN_FULL",
            switch(),
            "Whether `/readyz` answers 200 while all of `STS_MAX_CALLS` are held. In "
            "Kubernetes a pod that is not ready loses its endpoint; with `off` it is 503.",
        ),
    )
    workers: int | Literal["auto"] = field(
        default=1,
        metadata=about(
            "STS_WORKERS",
            workers(MOST_WORKERS),
            "How many processes hold calls, behind one port; `auto` is one for each CPU "
            "that the service may use. More than 1 needs Linux.",
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
            "The longest time without speech or a key of the caller while the agent is "
            "silent and no tool runs.",
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
