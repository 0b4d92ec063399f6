"""*Calls* and *One call*: what the process that reads them answers, passed on as it is."""

from typing import Final

import orjson
from attrs import define, field
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from trio_sts.settings import Settings

from .answers import Json, Refused
from .archive.client import Answer, Reader, Unanswered

_MOST_CHARS: Final = 200
_PEAKS: Final = 2_000
_FILTERS: Final = (
    *("limit", "before", "outcome", "caller", "since", "until"),
    *("min_s", "worst_ms", "q"),
)


def _config(settings: Settings) -> dict[str, str | None]:
    folder = settings.record_dir
    return {
        "calls_db": settings.calls_db,
        "record_dir": None if folder is None else str(folder.absolute()),
    }


@define(eq=False)
class Calls:
    """The calls that are over.

    Two processes read: a list is not to wait for the replay of a long call.
    """

    settings: Settings
    _lists: Reader = field(init=False)
    _pictures: Reader = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._lists = Reader(_config(self.settings))
        self._pictures = Reader(_config(self.settings))

    async def aclose(self) -> None:
        """End both processes."""
        await self._lists.aclose()
        await self._pictures.aclose()

    async def listed(self, request: Request) -> Response:
        """One page of calls."""
        return _passed_on(await _asked(self._lists, "list", **_filters(request)))

    async def stats(self, request: Request) -> Response:
        """The figures of a time."""
        return _passed_on(await _asked(self._lists, "stats", **_filters(request)))

    async def one(self, request: Request) -> Response:
        """Everything about one call."""
        return _passed_on(await _asked(self._pictures, "one", id=_id(request)))

    async def peaks(self, request: Request) -> Response:
        """How loud its recording is."""
        try:
            count = int(request.query_params.get("n", _PEAKS))
        except ValueError:
            raise Refused(400, "n is no number.") from None
        asked = await _asked(self._pictures, "peaks", id=_id(request), n=count)
        return _passed_on(asked)

    async def recording(self, request: Request) -> Response:
        """Its recording: G.711 mu-law, stereo, 8 kHz; parts of it where asked for."""
        answer = await _asked(self._lists, "recording", id=_id(request))
        if answer.status != _OK:
            return _passed_on(answer)
        path = orjson.loads(answer.body)["path"]
        return FileResponse(
            path, media_type="audio/wav", headers={"cache-control": "no-store"}
        )


_OK: Final = 200


async def _asked(reader: Reader, what: str, **fields: object) -> Answer:
    try:
        return await reader.ask(what, **fields)
    except Unanswered as exc:
        raise Refused(503, str(exc)) from exc


def _filters(request: Request) -> dict[str, str]:
    given = request.query_params
    return {key: given[key][:_MOST_CHARS] for key in _FILTERS if given.get(key)}


def _id(request: Request) -> str:
    found: str = request.path_params["id"]
    return found[:_MOST_CHARS]


def _passed_on(answer: Answer) -> Json:
    return Json(answer.body, answer.status)
