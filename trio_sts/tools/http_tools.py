"""Running an HTTP tool: one request, and the part of its answer for the model."""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import httpx
import trio
from attrs import frozen

from trio_sts.errors import ToolError

from .answers import Silent
from .http_answer import decoded, read_up_to
from .http_files import HttpFile, read_http_file, resolve_headers
from .http_template import OF_THE_CALL, fill_json
from .loaded import LoadedFile, built
from .tool import CallContext, Kind, Tool, make_tool

_REDIRECTS = 3
# Of an answer of which only a part is wanted, the whole has to be read first.
_JSON_BYTES = 1024 * 1024


def load_http_file(
    path: Path, environ: Mapping[str, str], result_bytes: int
) -> LoadedFile:
    """Read a file and make its tool, which keeps no more than ``result_bytes``."""
    return built([partial(_tool, path, environ, result_bytes)])


def _tool(path: Path, environ: Mapping[str, str], result_bytes: int) -> Tool:
    file = read_http_file(path)
    headers = {
        "accept": "application/json, text/*;q=0.9, */*;q=0.1",
        "accept-encoding": "identity",  # so that the limit holds for what is sent, too
        **{name.lower(): v for name, v in resolve_headers(file, environ).items()},
    }
    # One byte more than is told, so that it shows that something was cut.
    limit_bytes = result_bytes + 1 if file.answer is None else _JSON_BYTES
    runner = _Runner(file, headers, limit_bytes)
    return make_tool(
        name=file.name,
        description=file.description,
        input_schema=file.parameters,
        handler=runner.run,
        kind=Kind.HTTP,
        source=str(path),
        timeout_s=file.timeout_s,
        ends_call=file.ends_call,
    )


@frozen
class _Runner:
    file: HttpFile
    headers: Mapping[str, str]
    limit_bytes: int

    async def run(self, args: Mapping[str, Any], context: CallContext) -> str | Silent:
        request = self._request(args, context)
        try:
            response, body = await self._exchange(context.http, request)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as exc:
            raise ToolError("The service could not be reached.") from exc
        if not response.is_success:
            reason = f"The service answered with status {response.status_code}."
            raise ToolError(reason)
        text = decoded(body, response.charset_encoding)
        if self.file.answer is not None:
            text = _part(text, self.file.answer)
        return Silent(text) if self.file.silent else text

    def _request(self, args: Mapping[str, Any], context: CallContext) -> httpx.Request:
        about = {
            f"{OF_THE_CALL}{key}": value for key, value in context.metadata.items()
        }
        # What begins with "call." is the call's or absent, never what a model made up.
        said = {name: args[name] for name in args if not name.startswith(OF_THE_CALL)}
        values = {**said, **about, "call.uuid": context.uuid}
        headers = {
            name: value.replace("{call.uuid}", context.uuid)
            for name, value in self.headers.items()
        }
        body = self.file.body
        return context.http.build_request(
            self.file.method,
            self.file.url.fill(values),
            headers=headers,
            json=None if body is None else fill_json(body, values),
            timeout=None,  # the tool's own limit covers the whole exchange
        )

    async def _exchange(
        self, http: httpx.AsyncClient, request: httpx.Request
    ) -> tuple[httpx.Response, bytes]:
        """Send and follow redirects, but never to another origin: headers hold secrets.

        Raises:
            ToolError: A redirect leads elsewhere, or there are too many.
        """
        for _ in range(1 + _REDIRECTS):
            response = await http.send(request, stream=True, follow_redirects=False)
            try:
                body = await read_up_to(response, self.limit_bytes)
            finally:
                with trio.move_on_after(1, shield=True):
                    await response.aclose()
            following = response.next_request
            if following is None:
                return response, body
            if _origin(following.url) != _origin(request.url):
                raise ToolError("The service wants to lead to another place.")
            request = following
        raise ToolError("The service leads in circles.")


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _part(text: str, steps: tuple[str, ...]) -> str:
    """Return the part of a JSON answer that the steps lead to, as text.

    Raises:
        ToolError: The answer is not JSON, too long, or has no such part.
    """
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise ToolError("The service gave no understandable answer.") from exc
    try:
        for step in steps:
            if isinstance(value, list):
                value = cast("list[object]", value)[int(step)]
            else:
                value = cast("dict[str, object]", value)[step]
    except (LookupError, TypeError, ValueError) as exc:
        raise ToolError("The service's answer lacks the part that is needed.") from exc
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
