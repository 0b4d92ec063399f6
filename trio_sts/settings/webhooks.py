"""The secret that a webhook is signed with, as Standard Webhooks have it."""

from base64 import b64decode
from binascii import Error

from .kinds import Kind, Unfit
from .masking import MASK

_PREFIX = "whsec_"
# Standard Webhooks 1.0: "between 24 bytes (192 bits) and 64 bytes (512 bits)".
_FEWEST, _MOST = 24, 64


def webhook_secret() -> Kind:
    """Base64 of 24 to 64 bytes; ``whsec_`` before it is usual."""

    def parse(text: str) -> str:
        try:
            size = len(webhook_key(text))
        except ValueError:
            raise Unfit from None
        if not _FEWEST <= size <= _MOST:
            raise Unfit
        return text

    return Kind(
        f"whsec_ and {_FEWEST} to {_MOST} bytes in base64",
        parse,
        lambda value: "" if value is None else MASK,
    )


def webhook_key(text: str) -> bytes:
    """The bytes of a secret.

    Raises:
        ValueError: It is no base64.
    """
    encoded = text.removeprefix(_PREFIX)
    try:
        return b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except Error as exc:
        raise ValueError(str(exc)) from None
