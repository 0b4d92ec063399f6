"""The listener's certificate and key: whether they can be used, and for how long."""

import ssl
from pathlib import Path

from attrs import frozen

_SECONDS_IN_A_DAY = 86_400


class Unusable(Exception):
    """The files cannot be used; the text says why, in the operator's words."""


@frozen
class Certificate:
    """What a client sees of a certificate.

    Attributes:
        ends_at: When it is good no more, in seconds since 1970.
    """

    ends_at: float

    def days_left(self, now: float) -> int:
        """For how many whole days it is good; ``now`` is in seconds since 1970."""
        return int((self.ends_at - now) // _SECONDS_IN_A_DAY)


def server_context(cert: Path, key: Path) -> ssl.SSLContext:
    """What connections are encrypted with; the files are read now.

    TLS 1.2 at least, as Python's own defaults say.

    Raises:
        Unusable: One of the files is.
    """
    for name, path in (("STS_TLS_CERT", cert), ("STS_TLS_KEY", key)):
        try:
            path.read_bytes()
        except OSError as exc:
            why = f"{name}='{path}' cannot be read: {exc.strerror}"
            raise Unusable(why) from exc
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        # Without a password of ours OpenSSL would ask for one at the terminal.
        context.load_cert_chain(cert, key, password=lambda: "")
    except (ssl.SSLError, ValueError) as exc:
        raise Unusable(_why(exc, cert, key)) from exc
    context.set_alpn_protocols(["http/1.1"])
    return context


def read_certificate(context: ssl.SSLContext, cert: Path) -> Certificate:
    """What a client sees that trusts just this certificate.

    Raises:
        Unusable: No client takes it: it is good no more, or not yet, or is for something
            else than a server.
    """
    client = ssl.create_default_context(cafile=cert)
    client.check_hostname = False
    # It may have been issued by others, whom this machine does not know.
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(down, up),
        context.wrap_bio(up, down, server_side=True),
    )
    try:
        for _ in range(3):
            for end in ends:
                try:
                    end.do_handshake()
                except ssl.SSLWantReadError:
                    continue
        seen = ends[0].getpeercert() or {}
        return Certificate(ssl.cert_time_to_seconds(str(seen["notAfter"])))
    except ssl.SSLCertVerificationError as exc:
        why = f"STS_TLS_CERT='{cert}' is taken by no client: {exc.verify_message}"
        raise Unusable(why) from exc
    except (ssl.SSLError, KeyError, ValueError) as exc:
        why = (
            f"STS_TLS_CERT='{cert}' is no certificate that a handshake can be made with"
        )
        raise Unusable(why) from exc


def _why(exc: Exception, cert: Path, key: Path) -> str:
    reason = getattr(exc, "reason", "") or ""
    if reason == "KEY_VALUES_MISMATCH":
        return f"STS_TLS_KEY='{key}' is not the key of STS_TLS_CERT='{cert}'"
    if "DECRYPT" in reason or "PASSWORD" in reason:
        return f"STS_TLS_KEY='{key}' is encrypted: give the key without a password"
    try:
        ssl.create_default_context(cafile=cert)
    except (ssl.SSLError, ValueError):
        return f"STS_TLS_CERT='{cert}' holds no certificate in PEM form"
    return f"STS_TLS_KEY='{key}' holds no key in PEM form for STS_TLS_CERT='{cert}'"
