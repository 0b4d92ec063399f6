"""Where the model is, and what its WebSocket handshake carries."""

import hmac
import re
import ssl
from urllib.parse import SplitResult, parse_qs, urlsplit

from attrs import Factory, evolve, field, frozen

from trio_sts.settings import Settings, auth_header, endpoint_url
from trio_sts.wire.realtime.session import Dialect

# Half of a hash is more than all callers of the world need.
_SAFETY_ID_CHARS = 32
# As Asterisk writes a caller id: "Ann" <2000>.
_IN_BRACKETS = re.compile(r"<([^<>]*)>")
_NO_DIGITS = re.compile(r"[^0-9]+")
_PORTS = {"ws": 80, "wss": 443}
# So many that hang fit into a budget.
_ATTEMPTS = 3


def _without_query(url: str) -> str:
    return repr(url.partition("?")[0])


def _proof(endpoint: "Endpoint") -> ssl.SSLContext | None:
    is_tls = urlsplit(endpoint.url).scheme == "wss"
    return ssl.create_default_context() if is_tls else None


@frozen
class Endpoint:
    """One Realtime endpoint; made once per process, for ``tls`` is costly to make.

    The key is in ``headers``, and some endpoints want one in the query: both are kept
    out of ``repr``.

    Attributes:
        url: ``ws://`` or ``wss://``, with path and query.
        headers: What the handshake carries beside its own headers.
        dialect: What the endpoint is spoken to in.
        fast_path: Whether text takes the fast path.
        connect_timeout_s: For one attempt; see `attempt_s`.
        connect_budget_s: For all attempts and the set-up of the session.
        tls: How a ``wss`` endpoint proves itself: by default to the system's
            certificates, or those that ``SSL_CERT_FILE`` names.
    """

    url: str = field(repr=_without_query)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    dialect: Dialect = Dialect.GA
    fast_path: bool = True
    connect_timeout_s: float = 10.0
    connect_budget_s: float = 20.0
    tls: ssl.SSLContext | None = field(
        default=Factory(_proof, takes_self=True), eq=False, repr=False
    )

    @property
    def attempt_s(self) -> float:
        """What one attempt may take, from the dial to ``session.updated``.

        A peer that answers nothing costs a third of the budget, and not the call.
        """
        return min(self.connect_timeout_s, self.connect_budget_s / _ATTEMPTS)

    @property
    def host(self) -> str:
        """The host to look up and to check the certificate against."""
        return self._split.hostname or ""

    @property
    def port(self) -> int:
        """The port, also where the URL names none."""
        return self._split.port or _PORTS[self._split.scheme]

    @property
    def authority(self) -> str:
        """Host and, if it is not the usual one, port: the ``Host`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.port == _PORTS[self._split.scheme]
        return host if usual else f"{host}:{self.port}"

    @property
    def resource(self) -> str:
        """Path and query, as the request line wants them."""
        path = self._split.path or "/"
        return f"{path}?{self._split.query}" if self._split.query else path

    @property
    def identity(self) -> tuple[str, str]:
        """The endpoint without its query, and the model's name."""
        model = parse_qs(self._split.query).get("model", [""])[0]
        return f"{self.authority}{self._split.path}", model

    @property
    def _split(self) -> SplitResult:
        return urlsplit(self.url)


def with_model(endpoint: Endpoint, settings: Settings) -> Endpoint:
    """The same endpoint for the model that these settings name.

    The built-in model is one, whatever it is called.
    """
    if settings.embedded:
        return endpoint
    return evolve(endpoint, url=endpoint_url(settings))


def with_safety_id(endpoint: Endpoint, settings: Settings, caller: str) -> Endpoint:
    """The endpoint as it is dialled for one caller, where it is to know misuse.

    The identifier is a hash of the number's digits, keyed with the API key: the same
    caller has the same one, and nobody else can tell the number from it. Callers without
    a number ("anonymous") have none, and neither has anybody where there is no key.
    """
    number = _digits(caller)
    if not settings.safety_id or not number or not settings.api_key:
        return endpoint
    digest = hmac.new(settings.api_key.encode(), number, "sha256").hexdigest()
    header = ("OpenAI-Safety-Identifier", digest[:_SAFETY_ID_CHARS])
    return evolve(endpoint, headers=(*endpoint.headers, header))


def _digits(caller: str) -> bytes:
    found = _IN_BRACKETS.search(caller)
    written = found[1] if found else caller
    return _NO_DIGITS.sub("", written.partition("@")[0]).encode()


def endpoint_of(settings: Settings, *, url: str | None = None) -> Endpoint:
    """The endpoint that the settings ask for.

    Args:
        settings: The service's settings.
        url: The built-in model's, if that is to be used; it speaks GA and gets no key.
    """
    key = auth_header(settings) if url is None else None
    dialect = settings.realtime_api if url is None else Dialect.GA
    beta = dialect is Dialect.BETA
    return Endpoint(
        url or endpoint_url(settings),
        headers=(
            *((key,) if key else ()),
            *((("OpenAI-Beta", "realtime=v1"),) if beta else ()),
        ),
        dialect=dialect,
        fast_path=settings.fast_path,
        connect_timeout_s=settings.connect_timeout_s,
        connect_budget_s=settings.connect_budget_s,
    )
