"""The model leg: which model, where, and how long it is waited for."""

from pathlib import Path

from attrs import field, frozen

from trio_sts.settings.kinds import choice, line, number, path, secret, switch, url
from trio_sts.settings.masking import url_repr
from trio_sts.settings.spec import about
from trio_sts.wire.realtime.session import Dialect

DEFAULT_BASE_URL = "https://api.openai.com/v1"


@frozen(kw_only=True, slots=False)
class Model:
    """The model leg: which model, where, and how long it is waited for."""

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
            "gets the key as `api-key`. `OPENAI_REALTIME_ENDPOINT` is the same setting, for "
            "panels that refuse names with `_URL` at their end.",
            alias="OPENAI_REALTIME_ENDPOINT",
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
    safety_id: bool = field(
        default=False,
        metadata=about(
            "OPENAI_SAFETY_ID",
            switch(),
            "Tell the endpoint a keyed hash of the caller's number, by which OpenAI knows "
            "misuse.",
        ),
    )
    renew: bool = field(
        default=True,
        metadata=about(
            "STS_RENEW",
            switch(),
            "Replace a session before it runs out, between two turns.",
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
