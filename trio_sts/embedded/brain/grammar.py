"""The recogniser's grammar: every sentence that is understood, as JSGF."""

from collections.abc import Callable, Iterable

from . import knowledge
from .numbers import GRAMMAR
from .tools import spoken_name


def sentences() -> tuple[str, ...]:
    """The fixed sentences."""
    asked = (sentence for fact in knowledge.FACTS for sentence in fact.asked)
    return (*asked, *knowledge.AGAIN, *knowledge.GOODBYE, *knowledge.WEATHER)


def build(tool_names: Iterable[str], knows: Callable[[str], bool]) -> str:
    """Write the grammar of one session.

    Args:
        tool_names: The tools that can be asked for by name.
        knows: Whether the recogniser can hear a word: it must know all of a name's.
    """
    spoken = sorted({spoken_name(name) for name in tool_names})
    heard = [name for name in spoken if name and all(map(knows, name.split()))]
    requests = [
        *sentences(),
        "(transfer | connect) me to <number>",
        "repeat after me <number>",
        "count to <number>",
        "my number is <number>",
    ]
    tools = ""
    if heard:
        tools = f"<tool> = {' | '.join(heard)};\n"
        requests += ["use the <tool> tool [with <number>]", "run tool <tool>"]
    return (
        f"#JSGF V1.0;\ngrammar telephone;\n{GRAMMAR}{tools}"
        f"public <turn> = ({' | '.join(requests)}) [please];\n"
    )
