"""One request to the telephone system, answered or refused within a few seconds."""

from collections.abc import Mapping
from http import HTTPStatus

import httpx
import trio
from attrs import field, frozen

from trio_sts.errors import ToolError

from .http_answer import read_up_to

WITHIN_S = 5
_ANSWER_BYTES = 64 * 1024


@frozen
class Answered:
    """What the telephone system has answered, with whatever status."""

    status: int
    body: bytes = field(repr=False)


async def ask(
    http: httpx.AsyncClient,
    method: str,
    url: str,
    body: Mapping[str, object] | None = None,
    auth: httpx.Auth | None = None,
) -> Answered:
    """Ask once, within 5 s; no redirect is followed.

    Args:
        http: The client.
        method: Of HTTP.
        url: Goes into logs of others: it holds no number of a caller.
        body: Sent as JSON.
        auth: Who asks.

    Raises:
        ToolError: In words for the model, if there is no answer.
    """
    try:
        with trio.fail_after(WITHIN_S):
            request = http.build_request(method, url, json=body, timeout=None)
            response = await http.send(
                request, stream=True, follow_redirects=False, auth=auth
            )
            try:
                answer = await read_up_to(response, _ANSWER_BYTES)
            finally:
                with trio.move_on_after(1, shield=True):
                    await response.aclose()
    except trio.TooSlowError as exc:
        raise ToolError("The telephone system did not answer in time.") from exc
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as exc:
        raise ToolError("The telephone system could not be reached.") from exc
    return Answered(response.status_code, answer)


def check_done(answered: Answered) -> None:
    """Take a success for one.

    Raises:
        ToolError: In words for the model, for any other status.
    """
    if answered.status == HTTPStatus.NOT_FOUND:
        raise ToolError("The telephone system does not know this call any more.")
    if not httpx.codes.is_success(answered.status):
        reason = f"The telephone system refused (status {answered.status})."
        raise ToolError(reason)
