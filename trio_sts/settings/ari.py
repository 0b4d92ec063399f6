"""Asterisk's REST interface (ARI): where it is, and who we are there."""

from urllib.parse import urlsplit

from .kinds import Kind, Unfit, url
from .masking import MASK

_MOST_CHARS = 200


def ari_url() -> Kind:
    """A URL to which paths are added: nothing follows its own path, or is in front."""
    address = url("http", "https")

    def parse(text: str) -> str:
        address.parse(text)
        parts = urlsplit(text)
        if "@" in parts.netloc:
            why = "user and password are settings of their own"
            raise Unfit(why)
        if "?" in text or "#" in text:
            raise Unfit
        return text

    allowed = f"{address.allowed}, such as http://127.0.0.1:8088/ari"
    return Kind(allowed, parse, address.show, is_url=True)


def ari_user() -> Kind:
    """A section of Asterisk's ``ari.conf``, as HTTP's Basic authentication takes it."""

    def parse(name: str) -> str:
        if not name.isprintable() or ":" in name or len(name) > _MOST_CHARS:
            raise Unfit
        return name

    allowed = f"one printable line of at most {_MOST_CHARS} characters without a colon"
    return Kind(allowed, parse)


def ari_password() -> Kind:
    """The password of that section: never shown."""

    def parse(word: str) -> str:
        if not word.isprintable() or len(word) > _MOST_CHARS:
            raise Unfit
        return word

    return Kind(
        f"one printable line of at most {_MOST_CHARS} characters",
        parse,
        lambda value: "" if value is None else MASK,
    )
