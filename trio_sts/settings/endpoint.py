"""Where the model is, whose endpoint that is, and what it may be sent."""

import re
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from trio_sts.wire.realtime.session import Dialect

from .groups.hearing import DEFAULT_TRANSCRIBER
from .schema import Settings

_WEBSOCKET_SCHEMES = {"http": "ws", "https": "wss"}

# The model family that knows reasoning; gpt-realtime-2025-08-28 is not one of them.
_REASONING = re.compile(r"gpt-realtime-2(?!\d)", re.IGNORECASE)

_LAST_TRANSCRIBER = "whisper-1"

_BETA_TEMPERATURE = 0.8
_BETA_TEMPERATURES = (0.6, 1.2)


def endpoint_url(settings: Settings) -> str:
    """The model leg's URL: ``ws`` or ``wss``, ``…/realtime``, and the model's name.

    The base's query is kept, and so is a ``model`` in it. A path that ends in
    ``/realtime`` already is left as it is; a bare Azure host gets ``/openai/v1``. User
    name and fragment are left out.
    """
    base = urlsplit(settings.base_url)
    path = base.path.rstrip("/")
    if is_azure(settings) and path in {"", "/openai"}:
        path = "/openai/v1"
    if not path.endswith("/realtime"):
        path += "/realtime"
    query = base.query
    if "model" not in dict(parse_qsl(query, keep_blank_values=True)):
        query += ("&" if query else "") + "model=" + quote(settings.model, safe="")
    scheme = _WEBSOCKET_SCHEMES.get(base.scheme, base.scheme)
    return urlunsplit((scheme, base.netloc.rpartition("@")[2], path, query, ""))


def is_openai(settings: Settings) -> bool:
    """Whether the model is asked at ``api.openai.com`` or a host below it."""
    return not settings.embedded and _is_below(settings.base_url, "api.openai.com")


def is_azure(settings: Settings) -> bool:
    """Whether the model is asked at a host below ``azure.com``."""
    return not settings.embedded and _is_below(settings.base_url, "azure.com")


def auth_header(settings: Settings) -> tuple[str, str] | None:
    """The name and the secret value of the header that holds the key; None without one."""
    if settings.api_key is None:
        return None
    if is_azure(settings):
        return "api-key", settings.api_key
    return "Authorization", f"Bearer {settings.api_key}"


def temperature_sent(settings: Settings) -> float | None:
    """The temperature that the endpoint may be sent; None for none at all.

    The GA shape has no such field: OpenAI and Azure refuse it, others may know it, and
    get it if it was set. The beta shape has 0.6 to 1.2, and it is always sent.
    """
    if settings.realtime_api is Dialect.BETA:
        low, high = _BETA_TEMPERATURES
        chosen = settings.temperature
        return min(max(_BETA_TEMPERATURE if chosen is None else chosen, low), high)
    if is_openai(settings) or is_azure(settings):
        return None
    return settings.temperature


def reasoning_sent(settings: Settings) -> str | None:
    """The reasoning effort, for the models that know it; others refuse the field."""
    return settings.reasoning_effort if _REASONING.match(settings.model) else None


def transcriber(settings: Settings) -> str | None:
    """What writes down the caller's words; None if nothing is to."""
    if settings.transcription_model != DEFAULT_TRANSCRIBER:
        return settings.transcription_model
    return "gpt-transcribe" if is_openai(settings) else _LAST_TRANSCRIBER


def transcriber_fallback(settings: Settings) -> str | None:
    """What takes the place of a default transcription model that does not work."""
    is_default = settings.transcription_model == DEFAULT_TRANSCRIBER
    is_last = transcriber(settings) == _LAST_TRANSCRIBER
    return _LAST_TRANSCRIBER if is_default and not is_last else None


def _is_below(url: str, domain: str) -> bool:
    host = (urlsplit(url).hostname or "").rstrip(".")
    return host == domain or host.endswith(f".{domain}")
