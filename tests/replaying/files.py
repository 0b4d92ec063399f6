"""Call files of conversations that are held on a stage."""

import gzip
from pathlib import Path
from typing import Any

import orjson

from tests.conversation.recorded import Recorded
from tests.conversation.stage import QUIET, Stage
from trio_sts.conversation.config import Rules
from trio_sts.record.encode import written_rules

END = {"end": {"outcome": "caller hung up", "close_code": 1000}}


def staged(**rules: Any) -> Stage:
    """A call that is ready for the caller, recorded from its first moment."""
    Recorded.calls.clear()
    given: dict[str, Any] = {"greeting": False, **QUIET, **rules}
    stage = Stage(Rules(**given))
    stage.init()
    stage.model_ready()
    return stage


def lines_of(
    stage: Stage, *, keeps_text: bool = True, program: str = "0.1.0", whole: bool = True
) -> list[bytes]:
    """The lines of its file."""
    first = {
        "format": 1,
        "program": program,
        "call": "call-1",
        "opened": "2026-01-01T00:00:00.000+00:00",
        "started_at": 1000.0,
        "fallback_uuid": "fallback",
        "text": keeps_text,
        "rules": written_rules(stage.rules),
        "session": None,
    }
    told: list[bytes] = stage.recorded.told(keeps_text=keeps_text)
    last = [orjson.dumps({**END, "at": stage.now})] if whole else []
    return [orjson.dumps(first), *told, *last]


def write(path: Path, lines: list[bytes]) -> Path:
    """A file of these lines, a gzip member for each."""
    path.write_bytes(b"".join(gzip.compress(line + b"\n") for line in lines))
    return path


def talk(stage: Stage) -> None:
    """A question, an answer that is cut off, a tool, and an answer to that."""
    stage.speech_started()
    stage.talk(1)
    stage.speech_stopped()
    stage.committed("u1")
    stage.created("r1")
    stage.caller_said("u1", "What is the weather?")
    stage.announce("i1", "r1")
    stage.delta(3000, "i1", "r1")
    stage.words("It is sunny in Paris today.", "i1", "r1")
    stage.advance(1)
    stage.speech_started()
    stage.done("r1", "cancelled")
    stage.advance(0.5)
    stage.speech_stopped()
    stage.call_tool("c1", "look_up", "r2")
    stage.advance(2.25)
    stage.tool_finished("c1", '{"degrees": 21}')
    stage.answer(800, "i3", "r3")
    stage.advance(4)
