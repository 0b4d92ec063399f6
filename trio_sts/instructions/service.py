"""The operator's web service: one question per call, whatever it runs on."""

from collections.abc import Mapping
from contextlib import aclosing
from urllib.parse import parse_qsl, urldefrag, urlencode, urlsplit

import httpx
import trio

from trio_sts.wire.metadata import TOKEN

from .body import decode, parse_object, read_body
from .unusable import Unusable

# The whole exchange, redirects included: the caller hears nothing until it is over.
SERVICE_BUDGET_S = 5
# As many as the HTTP client of AVR's own connector follows.
MAX_REDIRECTS = 21


async def ask_service(
    url: str, call_uuid: str, metadata: Mapping[str, str], http: httpx.AsyncClient
) -> dict[str, object]:
    """Ask for what is told to the agent of one call; 5 s at most.

    Args:
        url: The operator's, user name and query included.
        call_uuid: Goes into the header that AVR's own connector sends.
        metadata: Is added to the query.
        http: Redirects are followed here, not by it.

    Returns:
        The answer's JSON object.

    Raises:
        Unusable: There is none in time; the text says why.
    """
    with trio.move_on_after(SERVICE_BUDGET_S):
        try:
            request = http.build_request(
                "GET",
                with_metadata(url, metadata),
                headers={
                    "X-AVR-UUID": call_uuid,
                    # Services exist that refuse any narrower wish, and such that want
                    # to see this type on a request without a body.
                    "Accept": "*/*",
                    "Content-Type": "application/json",
                    "Accept-Encoding": "gzip, deflate, br",
                },
                timeout=None,  # the budget above is for the whole exchange
            )
            return parse_object(await _exchange(request, http))
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            # Its own text may quote a URL.
            raise Unusable(type(exc).__name__) from None
        except UnicodeError:
            raise Unusable("it leads to a host that no DNS could hold") from None
    why = f"no answer within {SERVICE_BUDGET_S} s"
    raise Unusable(why)


def system_of(answer: Mapping[str, object]) -> str | None:
    """The instructions in an answer; None if there are none."""
    system = answer.get("system")
    return system if isinstance(system, str) and system.strip() else None


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


async def _exchange(request: httpx.Request, http: httpx.AsyncClient) -> str:
    """Follow redirects to the answer; only the answer's body is read, and bounded."""
    for _ in range(MAX_REDIRECTS + 1):
        # The client's jar is shared: one call's cookies are none of another's.
        request.headers.pop("Cookie", None)
        response = await http.send(request, stream=True, follow_redirects=False)
        async with aclosing(response):
            if response.next_request is None:
                if not response.is_success:
                    why = f"status {response.status_code}"
                    raise Unusable(why)
                body = await read_body(response)
                return decode(body, response.charset_encoding)
            request = response.next_request
    why = f"more than {MAX_REDIRECTS} redirects"
    raise Unusable(why)
