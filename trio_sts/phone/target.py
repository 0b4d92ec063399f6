"""Where a call goes: the service's URL with the call's metadata, and how to dial it."""

import base64
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import quote, urlencode, urlsplit

import trio
from attrs import field, frozen

_HEADER_SAFE = re.compile(r"[!-~]+")
# The service looks at the password alone.
_USER = b"asterisk"

Dial = Callable[["Target"], Awaitable[trio.abc.Stream]]


@frozen
class Target:
    """The service to call.

    Attributes:
        host: Name or address.
        port: Its port.
        tls: Whether ``wss`` was asked for.
        resource: Path and query string; it may hold a secret.
        token: A shared secret for ``Authorization: Bearer``, or None.
        is_password: The token goes as the password of basic authorisation instead, as
            ``websocket_client.conf`` has it.
    """

    host: str
    port: int
    tls: bool
    resource: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    is_password: bool = False

    @property
    def host_header(self) -> str:
        """Host and port as HTTP wants them; the port that goes without saying is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = 443 if self.tls else 80
        return host if self.port == usual else f"{host}:{self.port}"

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """What the upgrade request carries beside its usual headers."""
        if self.token is None:
            return []
        token = self.token.encode()
        if self.is_password:
            pair = base64.b64encode(_USER + b":" + token)
            return [(b"Authorization", b"Basic " + pair)]
        return [(b"Authorization", b"Bearer " + token)]


def parse_target(
    url: str, metadata: Mapping[str, str], token: str | None = None
) -> Target:
    """Read a service's URL and append a call's metadata, as AVR Core 1.12 does.

    Args:
        url: ``ws://host:port/path`` or ``wss://``; a query string of its own stays.
        metadata: What is appended as query parameters.
        token: Sent as ``Authorization: Bearer``.

    Raises:
        ValueError: It is no WebSocket URL, or the token fits no header.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"ws", "wss"}:
        raise ValueError("the URL must begin with ws:// or wss://")
    if not parts.hostname or not parts.hostname.isprintable():
        raise ValueError("the URL names no host")
    try:
        parts.hostname.encode("idna")
    except UnicodeError:
        raise ValueError("the URL names a host that no DNS could hold") from None
    if parts.username is not None:
        raise ValueError("the URL must not hold a user name; use a token")
    if token is not None and not _HEADER_SAFE.fullmatch(token):
        raise ValueError("the token must be printable ASCII without spaces")
    tls = parts.scheme == "wss"
    query = "&".join(filter(None, [parts.query, urlencode(metadata, quote_via=quote)]))
    # What no request line may hold is escaped; what is escaped already stays.
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    query = quote(query, safe="/%:@!$&'()*+,;=~?")
    return Target(
        host=parts.hostname,
        port=parts.port or (443 if tls else 80),
        tls=tls,
        resource=f"{path}?{query}" if query else path,
        token=token,
    )


async def dial_tcp(target: Target) -> trio.abc.Stream:
    """Connect to the service, with TLS for ``wss``; the caller bounds the time.

    Raises:
        OSError: It could not be reached.
        trio.BrokenResourceError: TLS failed.
    """
    stream = await trio.open_tcp_stream(target.host, target.port)
    if not target.tls:
        return stream
    context = ssl.create_default_context()
    secure = trio.SSLStream(stream, context, server_hostname=target.host)
    try:
        await secure.do_handshake()
    except BaseException:  # a cancellation too: nobody else closes it
        await trio.aclose_forcefully(stream)
        raise
    return secure
