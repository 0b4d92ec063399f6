"""What is believed of the proxies in front of the port, and of nobody else."""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

import structlog
import trio
from attrs import define

from .peer import Peer
from .proxy_protocol import V2_MOST_BYTES, NoProxyHeader, read_header

# A proxy sends it at once, before it has read anything of its own peer.
HEADER_S: Final = 5.0
# More proxies than these in a row are somebody's joke.
_MOST_FORWARDS: Final = 32

_log = structlog.get_logger()


@define(eq=False)
class Proxies:
    """The proxies whose word is taken.

    Attributes:
        networks: Where they are; may be changed.
    """

    networks: Sequence[IPv4Network | IPv6Network] = ()

    def trusts(self, peer: Peer) -> bool:
        """Whether this is one of them."""
        try:
            address = ip_address(peer.host.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            # What a socket of both families calls an IPv4 peer.
            address = address.ipv4_mapped
        return any(address in network for network in self.networks)

    async def behind(
        self, stream: trio.SocketStream, peer: Peer
    ) -> tuple[Peer, bytes] | None:
        """Read the PROXY header of a connection, if it is a proxy's and has one.

        Returns:
            Who is behind it, and what was read of the connection after the header; None
            if there is nothing to go on with.
        """
        if not self.trusts(peer):
            return peer, b""
        raw = b""
        try:
            with trio.fail_after(HEADER_S):
                while True:
                    read = await stream.receive_some(V2_MOST_BYTES)
                    if not read:
                        return None
                    raw += read
                    if (header := read_header(raw)) is not None:
                        break
        except NoProxyHeader as exc:
            _log.debug("no PROXY header", why=str(exc), peer=str(peer))
        except (trio.TooSlowError, trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        else:
            return header.peer or peer, raw[header.size :]
        return None

    def forwarded(self, peer: Peer, headers: Mapping[str, str]) -> Peer:
        """Who has made a request, by its X-Forwarded-For as far as that is believed.

        Each proxy adds its own peer at the end; the last address that is no trusted
        proxy's is the first that somebody else may have made up what stands before.
        """
        chain = headers.get("x-forwarded-for", "").split(",")[-_MOST_FORWARDS:]
        while chain and self.trusts(peer):
            found = _address(chain.pop().strip())
            if found is None:
                break
            peer = found
        return peer


def _address(text: str) -> Peer | None:
    """An address as proxies write it: plain, with a port, or in brackets."""
    host, port = text, "0"
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":") or "0"
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    try:
        return Peer(str(ip_address(host)), int(port) if port.isdecimal() else 0)
    except ValueError:
        return None
