"""``GET /calls/<uuid>/next``: where a dialplan goes on when our leg of a call has ended."""

from http import HTTPStatus
from typing import Final
from urllib.parse import unquote

import structlog

from trio_sts.tools.targets import Targets

from .answers import Answer

_BEGIN: Final = "/calls/"
_END: Final = "/next"
_GET_ALONE: Final = Answer.text(
    HTTPStatus.METHOD_NOT_ALLOWED, "Where a call goes on is read with GET.\n"
)
# A `CURL` of Asterisk tells the body alone: an empty one is no place to go to.
_NOWHERE: Final = Answer.text(HTTPStatus.NOT_FOUND, "")

_log = structlog.get_logger()


def call_in(path: str) -> str | None:
    """The call id in a path of this form; None in any other one."""
    if not (path.startswith(_BEGIN) and path.endswith(_END)):
        return None
    uuid = path[len(_BEGIN) : -len(_END)]
    return unquote(uuid) if uuid and "/" not in uuid else None


def next_step(method: str, uuid: str, targets: Targets) -> Answer:
    """The place, as ``Goto`` takes it, or 404 with no body.

    Only ``GET`` uses it up: it is then gone.
    """
    if method == "HEAD":
        target = targets.look(uuid)
    elif method == "GET":
        target = targets.take(uuid)
    else:
        return _GET_ALONE
    if target is None:
        return _NOWHERE
    if method == "GET":
        _log.info("the dialplan asks where to go on", call_id=uuid)
    return Answer.text(HTTPStatus.OK, str(target))
