"""Asking the model's endpoint once, before any call, whether it takes the key."""

import ssl
from http import HTTPStatus
from typing import Literal, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import httpx
import orjson
import trio
from attrs import frozen

from trio_sts.settings import Settings, auth_header, endpoint_url, is_openai

BUDGET_S = 3
# OpenAI's list of models is some 30 KB long.
_MAX_BYTES = 2 * 1024 * 1024
_SCHEMES = {"ws": "http", "wss": "https"}


@frozen
class Verdict:
    """What the endpoint said.

    Attributes:
        level: ``ok``, ``note`` where nothing can be said of the key, or ``warning``
            where calls will fail.
        told: In a sentence, without secrets.
        key_refused: The status with which the key was refused, if it was.
    """

    level: Literal["ok", "note", "warning"]
    told: str
    key_refused: int | None = None


def models_url(settings: Settings) -> str:
    """Where the endpoint lists its models: beside its Realtime address."""
    parts = urlsplit(endpoint_url(settings))
    path = f"{parts.path.removesuffix('/realtime')}/models"
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = urlencode([(name, value) for name, value in pairs if name != "model"])
    scheme = _SCHEMES.get(parts.scheme, parts.scheme)
    return urlunsplit((scheme, parts.netloc, path, query, ""))


async def ask_endpoint(settings: Settings) -> Verdict:
    """Ask for the list of models, once, within 3 s; it raises nothing."""
    header = auth_header(settings)
    headers = dict([header]) if header else {}
    try:
        with trio.fail_after(BUDGET_S):
            async with (
                httpx.AsyncClient(headers=headers, timeout=BUDGET_S) as http,
                http.stream("GET", models_url(settings)) as response,
            ):
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > _MAX_BYTES:
                        break
                return _judge(settings, response.status_code, bytes(body))
    except trio.TooSlowError:
        return Verdict("warning", f"the endpoint did not answer within {BUDGET_S} s")
    except httpx.ConnectError as exc:
        return Verdict("warning", _no_connection(exc))
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, OSError) as exc:
        why = type(exc).__name__
        return Verdict("warning", f"the endpoint cannot be asked ({why})")


def _judge(settings: Settings, status: int, body: bytes) -> Verdict:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return Verdict(
            "warning",
            f"the endpoint refuses the key (status {status}): no call will work",
            status,
        )
    if status != HTTPStatus.OK:
        told = f"the endpoint is there, but lists no models (status {status})"
        return Verdict("note", f"{told}: the key is not judged")
    known = _names(body)
    if is_openai(settings) and known and settings.model not in known:
        return Verdict(
            "warning", f"the key is taken, but may not use {settings.model:.60}"
        )
    return Verdict("ok", "the endpoint takes the key")


def _names(body: bytes) -> set[object]:
    try:
        answer: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        return set()
    listed = cast("dict[str, object]", answer) if isinstance(answer, dict) else {}
    data = listed.get("data")
    entries = cast("list[object]", data) if isinstance(data, list) else []
    return {
        cast("dict[str, object]", entry).get("id")
        for entry in entries
        if isinstance(entry, dict)
    }


def _no_connection(exc: httpx.ConnectError) -> str:
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "the certificate of the endpoint is not trusted (SSL_CERT_FILE?)"
        cause = cause.__cause__ or cause.__context__
    return "the endpoint cannot be reached"
