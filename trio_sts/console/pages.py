"""The console's own files: those that are in the package, and no other."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import trio
from attrs import field, frozen
from starlette.requests import Request
from starlette.responses import Response

from .answers import Refused

_STATIC: Final = Path(__file__).parent / "static"
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
    ".json": "application/json",
}


def _find() -> dict[str, Path]:
    return {
        path.relative_to(_STATIC).as_posix(): path
        for path in _STATIC.rglob("*")
        if path.suffix in _TYPES and path.is_file()
    }


@frozen
class Pages:
    """The files by name, as they were found at the start: no path is made of a request."""

    files: Mapping[str, Path] = field(factory=_find)

    async def index(self, request: Request) -> Response:
        """The application."""
        return await self._answer(request, "index.html")

    async def login(self, request: Request) -> Response:
        """The login page."""
        return await self._answer(request, "login.html")

    async def static(self, request: Request) -> Response:
        """A file of either."""
        return await self._answer(request, request.path_params["path"])

    async def _answer(self, request: Request, name: str) -> Response:
        path = self.files.get(name)
        if path is None:
            raise Refused(404, "There is no such file.")
        content = await trio.Path(path).read_bytes()
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        # Asked for again each time, and sent again after an update alone.
        headers = {"etag": tag, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=_TYPES[path.suffix], headers=headers)
