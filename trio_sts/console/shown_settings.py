"""*Settings*: as they were understood, with nothing in them that is a secret."""

from collections.abc import Callable
from datetime import date

import trio
from attrs import frozen
from starlette.requests import Request
from starlette.responses import Response

from trio_sts.audio import engine
from trio_sts.environment import real_environment
from trio_sts.settings import Settings, describe, effective, surprises

from .answers import Json
from .json import dumps


@frozen
class ShownSettings:
    """What `trio-sts check` shows of the settings, for the page."""

    settings: Callable[[], Settings]

    async def shown(self, _: Request) -> Response:
        """All of them, in the order of the documents."""
        about = {row.variable: row for row in describe()}
        named = real_environment()
        today = date.today()  # noqa: DTZ011  # the operator's day
        settings = self.settings()
        warnings = [*surprises(settings, today), *engine.WARNINGS]
        await trio.lowlevel.checkpoint()
        rows = [
            {
                "name": row.variable,
                "value": row.value,
                "unit": row.unit,
                "default": row.is_default,
                "source": "default"
                if row.is_default
                else "environment"
                if row.variable in named
                else ".env",
                "about": about[row.variable].meaning,
            }
            for row in effective(settings)
        ]
        return Json(dumps({"settings": rows, "warnings": warnings}))
