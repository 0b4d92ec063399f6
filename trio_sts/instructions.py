"""What the agent is told: environment, then web service, then file, then a default.

The instructions are resolved per call, so that a web service can write them for this
caller. A source that fails is passed over with a warning.
"""

from collections.abc import Mapping
from contextlib import aclosing
from http import HTTPStatus
from typing import Literal, cast
from urllib.parse import parse_qsl, urldefrag, urlencode, urlsplit

import httpx
import orjson
import structlog
import trio
from attrs import field, frozen

from trio_sts.settings import Settings, mask_url
from trio_sts.wire.metadata import TOKEN, fill

# The whole exchange, redirects included: the caller hears nothing until it is over.
SERVICE_BUDGET_S = 5
MAX_BYTES = 256 * 1024
MAX_REDIRECTS = 5

DEFAULT = """\
You are a friendly and competent assistant on the telephone.
Everything you say is spoken aloud: use short, plain sentences, one thought at a time, \
and no lists, headings, symbols or links.
Speak the caller's language, and change it when they do.
Say numbers, times and amounts the way a person says them; read telephone numbers and \
codes digit by digit.
Ask one question at a time. Repeat names, numbers and dates back before you rely on them.
The line may be bad: when you did not understand, say so and ask again; never guess.
Do not invent facts. When you do not know something, say so and offer what you can do.
When the caller asks for a person or another extension, transfer the call if you have a \
tool for it.
When the caller says goodbye, or nothing is left to do, say goodbye and then hang up if \
you have a tool for it.
"""

_log = structlog.get_logger()


class _Unusable(Exception):
    """A source gave no instructions; the text says why and holds nothing secret."""


@frozen
class Resolved:
    """What the agent of one call is told, with every known placeholder filled.

    ``welcome_message`` is the settings' greeting, filled; None if there is none.
    """

    text: str = field(repr=False)
    source: Literal["environment", "service", "file", "default"]
    welcome_message: str | None = field(default=None, repr=False)


async def resolve(
    settings: Settings,
    call_uuid: str,
    metadata: Mapping[str, str],
    http: httpx.AsyncClient,
) -> Resolved:
    """Find the instructions of one call; it takes 5 s at most and never fails.

    Args:
        settings: Where to look, in which order.
        call_uuid: The call's id: the service's header, and ``{{uuid}}``.
        metadata: The call's, as `clean_metadata` returns it.
        http: Asks the web service; redirects are followed here, not by it.
    """
    found = await _first(settings, call_uuid, metadata, http)
    values = {**metadata, "uuid": call_uuid}
    text, unknown = fill(found.text, values)
    welcome = settings.welcome_message
    if welcome is not None:
        welcome, more = fill(welcome, values)
        unknown = (*unknown, *(name for name in more if name not in unknown))
    if unknown:
        _log.warning("placeholders without a value", names=unknown)
    return Resolved(text, found.source, welcome)


async def _first(
    settings: Settings,
    call_uuid: str,
    metadata: Mapping[str, str],
    http: httpx.AsyncClient,
) -> Resolved:
    """The first source that gives any; placeholders are not filled yet."""
    if settings.instructions is not None:
        return Resolved(settings.instructions, "environment")
    if settings.url_instructions is not None:
        url = settings.url_instructions
        try:
            text = await _from_service(url, call_uuid, metadata, http)
        except _Unusable as exc:
            reason = str(exc)
            _log.warning(
                "instructions service failed", url=mask_url(url), reason=reason
            )
        else:
            return Resolved(text, "service")
    if settings.file_instructions is not None:
        path = trio.Path(settings.file_instructions)
        try:
            return Resolved(await _from_file(path), "file")
        except _Unusable as exc:
            _log.warning("instructions file failed", path=str(path), reason=str(exc))
    return Resolved(DEFAULT, "default")


async def _from_service(
    url: str, call_uuid: str, metadata: Mapping[str, str], http: httpx.AsyncClient
) -> str:
    with trio.move_on_after(SERVICE_BUDGET_S):
        try:
            request = http.build_request(
                "GET",
                with_metadata(url, metadata),
                headers={
                    "X-AVR-UUID": call_uuid,
                    "Accept": "application/json",
                    # What is compressed has no known size until it is in memory.
                    "Accept-Encoding": "identity",
                },
                timeout=None,  # the budget above is for the whole exchange
            )
            return _system(await _exchange(request, http))
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            # Its own text may quote a URL.
            raise _Unusable(type(exc).__name__) from None
        except UnicodeError:
            raise _Unusable("it leads to a host that no DNS could hold") from None
    why = f"no answer within {SERVICE_BUDGET_S} s"
    raise _Unusable(why)


async def _exchange(request: httpx.Request, http: httpx.AsyncClient) -> bytes:
    """Follow redirects to the answer; only the answer's body is read, and bounded."""
    for _ in range(MAX_REDIRECTS + 1):
        # The client's jar is shared: one call's cookies are none of another's.
        request.headers.pop("Cookie", None)
        response = await http.send(request, stream=True, follow_redirects=False)
        async with aclosing(response):
            if response.next_request is None:
                return await _body(response)
            request = response.next_request
    why = f"more than {MAX_REDIRECTS} redirects"
    raise _Unusable(why)


async def _body(response: httpx.Response) -> bytes:
    if response.status_code != HTTPStatus.OK:
        why = f"status {response.status_code}"
        raise _Unusable(why)
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise _Unusable("the answer is compressed")
    body = bytearray()
    with trio.CancelScope() as reading:
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MAX_BYTES:
                # Leaving the loop would leave httpx's nested generators half-way; a
                # cancellation is raised where the network is read, and ends them all.
                reading.cancel(reason="the answer is too long")
    if len(body) > MAX_BYTES:
        why = f"the answer is longer than {MAX_BYTES} bytes"
        raise _Unusable(why)
    return bytes(body)


def _system(body: bytes) -> str:
    try:
        answer: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise _Unusable("the answer is not JSON") from None
    if isinstance(answer, dict):
        system = cast("dict[str, object]", answer).get("system")
        if isinstance(system, str) and system.strip():
            return system
    raise _Unusable('the answer has no text named "system"')


def with_metadata(url: str, metadata: Mapping[str, str]) -> str:
    """Add the call's metadata to the operator's URL, whose own parameters win."""
    url = urldefrag(url).url
    own = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    added = {
        name: value
        for name, value in metadata.items()
        if name not in own and name.lower() != TOKEN
    }
    if not added:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode(added)}"


async def _from_file(path: trio.Path) -> str:
    try:
        # Anything else, such as a pipe, could block the thread that reads it for ever.
        if not await path.is_file():
            raise _Unusable("it is not a file")
        async with await path.open("rb") as file:
            content = await file.read(MAX_BYTES + 1)
        text = content.decode("utf-8-sig")
    except OSError as exc:
        raise _Unusable(exc.strerror or type(exc).__name__) from None
    except UnicodeDecodeError:
        raise _Unusable("it is not UTF-8 text") from None
    if len(content) > MAX_BYTES:
        why = f"it is longer than {MAX_BYTES} bytes"
        raise _Unusable(why)
    if not text.strip():
        raise _Unusable("it is empty")
    return text
