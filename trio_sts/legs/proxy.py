"""The way to the model's endpoint where only a proxy leads out: HTTP CONNECT."""

import socket
import sys
from base64 import b64encode
from contextlib import AsyncExitStack
from http import HTTPStatus
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

import h11
import trio

from trio_sts.errors import ModelRefused, ModelUnreachable

from .endpoint import Endpoint

_HEAD_BYTES = 16 * 1024
# A quarter of a second of audio: what a slow line does not take waits in our outbox, where
# it is seen, and not by the megabyte in the kernel. Bytes that are under way do not count.
_UNSENT_BYTES = 16 * 1024
_OK = range(200, 300)


def proxy_for(host: str, port: int) -> str | None:
    """The proxy's URL for TLS to a host; None where it is reached directly.

    ``HTTPS_PROXY``, else ``ALL_PROXY``, unless ``NO_PROXY`` names the host, in either
    case of letters.
    """
    proxies = getproxies_environment()
    url = proxies.get("https") or proxies.get("all")
    if not url or proxy_bypass(f"{host}:{port}"):
        return None
    return url if "://" in url else f"http://{url}"


async def open_tcp(endpoint: Endpoint) -> trio.SocketStream:
    """Connect to an endpoint, through the proxy that the environment names for it.

    Raises:
        OSError: There is no connection.
        ModelRefused: The proxy is of a kind that cannot be used, or refuses us.
        ModelUnreachable: The proxy does not reach the endpoint.
    """
    host, port = endpoint.host, endpoint.port
    proxy = None if endpoint.tls is None else proxy_for(host, port)
    if proxy is None:
        return await _open(host, port)
    try:
        parts = urlsplit(proxy)
        proxy_host, proxy_port = parts.hostname or "", parts.port or 80
    except ValueError:
        raise ModelRefused("HTTPS_PROXY is no URL") from None
    if parts.scheme != "http" or not proxy_host:
        raise ModelRefused("HTTPS_PROXY is no http:// URL, and no other can be used")
    stream = await _open(proxy_host, proxy_port)
    async with AsyncExitStack() as failed:
        failed.push_async_callback(trio.aclose_forcefully, stream)
        await _connect(
            stream, f"[{host}]" if ":" in host else host, port, _login(proxy)
        )
        failed.pop_all()
    return stream


async def _open(host: str, port: int) -> trio.SocketStream:
    stream = await trio.open_tcp_stream(host, port)
    if sys.platform == "linux":
        option = socket.TCP_NOTSENT_LOWAT
        stream.setsockopt(socket.IPPROTO_TCP, option, _UNSENT_BYTES)
    return stream


def _login(proxy: str) -> str | None:
    parts = urlsplit(proxy)
    if parts.username is None:
        return None
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"Basic {b64encode(login.encode()).decode()}"


async def _connect(
    stream: trio.SocketStream, host: str, port: int, login: str | None
) -> None:
    """Ask the proxy for a tunnel; afterwards the stream is the endpoint's."""
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_BYTES)
    target = f"{host}:{port}"
    headers = [("Host", target), *([("Proxy-Authorization", login)] if login else [])]
    request = h11.Request(method="CONNECT", target=target, headers=headers)
    await stream.send_all(
        (http.send(request) or b"") + (http.send(h11.EndOfMessage()) or b"")
    )
    try:
        while (event := http.next_event()) is h11.NEED_DATA:
            http.receive_data(await stream.receive_some(_HEAD_BYTES))
    except h11.RemoteProtocolError as exc:
        raise ModelUnreachable("the proxy does not speak HTTP") from exc
    if not isinstance(event, h11.Response):
        raise ModelUnreachable("the proxy closed the connection")
    if event.status_code == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        raise ModelRefused("the proxy wants another user name or password")
    if event.status_code not in _OK:
        reason = f"the proxy does not reach the endpoint (status {event.status_code})"
        raise ModelUnreachable(reason)
