"""Where values come from: the real environment, and ``.env`` beneath it."""

from collections.abc import Iterable, Iterator, Mapping
from os import PathLike
from pathlib import Path

from attrs import field, frozen

from trio_sts.dotenv import Dotenv
from trio_sts.environment import NOT_SET, Unreadable, read_dotenv, unwrapped

from .masking import MASK, one_line
from .spec import Spec

_MOST_LINES = 5


@frozen
class Given:
    """What was set, by variable, without empty values and their quotes."""

    values: Mapping[str, str] = field(repr=False)
    faults: tuple[str, ...]
    warnings: tuple[str, ...]


def gather(
    environ: Mapping[str, str],
    dotenv_path: str | PathLike[str] | None,
    specs: Iterable[Spec],
) -> Given:
    """Collect what is set; the real environment wins over the file.

    Args:
        environ: The real environment.
        dotenv_path: A file that may be missing; None reads none.
        specs: What is known of the variables: their other names, and which words are
            values of theirs.
    """
    from_file, faults, warnings = _from_file(dotenv_path)
    values = unwrapped(from_file) | unwrapped(environ)
    for spec in specs:
        warnings += _under_one_name(values, spec)
        faults += _forget_words(values, spec, warnings)
    return Given(values, tuple(faults), tuple(warnings))


def tool_environment(
    environ: Mapping[str, str], dotenv_path: str | PathLike[str]
) -> dict[str, str]:
    """Return what the operator's tools see: ``environ``, and ``.env`` beneath it.

    In AVR's connector dotenv puts the file into ``process.env``, where tools find it. A
    file that cannot be read is a fault of `gather`, not of this.
    """
    return _from_file(dotenv_path)[0] | dict(environ)


def _from_file(
    path: str | PathLike[str] | None,
) -> tuple[dict[str, str], list[str], list[str]]:
    if path is None:
        return {}, [], []
    file, shown = Path(path), one_line(str(path))
    if file.is_dir():
        # What a container runtime makes of a mounted file that does not exist.
        return {}, [], [f"{shown} is a folder: nothing is read from it"]
    if not file.exists():
        return {}, [], []
    try:
        found = read_dotenv(file)
    except Unreadable as exc:
        return {}, [f"{shown} cannot be read: {exc}"], []
    return found.values, [], list(_told_of_lines(found, shown))


def _told_of_lines(found: Dotenv, shown: str) -> Iterator[str]:
    if found.unread:
        yield f"{shown}: {_lines(found.unread)} is not read: it is no KEY=value"
    if found.cut:
        told = "has a # in its value, which ends there; put the value into quotes"
        yield f"{shown}: {_lines(found.cut)} {told}"


def _lines(numbers: tuple[int, ...]) -> str:
    shown = ", ".join(map(str, numbers[:_MOST_LINES]))
    more = f" and {rest} more" if (rest := len(numbers) - _MOST_LINES) > 0 else ""
    return f"line {shown}{more}"


def _under_one_name(values: dict[str, str], spec: Spec) -> list[str]:
    """Move what is set under a variable's other name to its first one."""
    other = values.pop(spec.alias, None) if spec.alias else None
    if other is None or other.lower() in NOT_SET:
        return []
    if values.setdefault(spec.variable, other) != other:
        return [f"{spec.alias} is not used: {spec.variable} is set too"]
    return []


def _forget_words(values: dict[str, str], spec: Spec, warnings: list[str]) -> list[str]:
    """Drop a word that stands for no value; a token must not vanish in silence."""
    word = values.get(spec.variable, "").lower()
    if word not in NOT_SET - spec.kind.own_words:
        return []
    del values[spec.variable]
    if spec.no_words:
        why = f"is the word {word}: set a secret, or nothing at all"
        return [f"{spec.variable}={MASK} {why}"]
    if spec.costs:
        told = f"{spec.variable} is the word {word} and counts as not set"
        warnings.append(told)
    return []
