"""Which of all changes are tried: a seed draws them, and moved code keeps its lot."""

from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256

from attrs import frozen

from .places import Place

# So that a small room has a figure at all.
_LEAST = 10


@frozen
class Candidate:
    """A change, and the file it is made in (relative to the root)."""

    path: str
    place: Place


def shares(sizes: Mapping[str, int], sample: int) -> dict[str, int]:
    """How many of ``sample`` each room has, by its size, but at least 10 (or all)."""
    given = {room: min(_LEAST, size) for room, size in sizes.items()}
    for _ in range(min(sample, sum(sizes.values())) - sum(given.values())):
        # The next one goes where the smallest part was drawn.
        open_ = [room for room, size in sizes.items() if given[room] < size]
        room = min(open_, key=lambda room: given[room] / sizes[room])
        given[room] += 1
    return given


def drawn(candidates: Sequence[Candidate], seed: int) -> list[Candidate]:
    """In the order of their lots.

    A lot comes of what a change does and of the function around it, and not of the file
    or the line: when code moves, the same changes are drawn.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    lots: list[tuple[bytes, Candidate]] = []
    for candidate in candidates:
        place = candidate.place
        what = (place.within, place.text, place.operator)
        seen[what] += 1
        lot = "\0".join((str(seed), *what, str(seen[what])))
        lots.append((sha256(lot.encode()).digest(), candidate))
    return [candidate for _, candidate in sorted(lots, key=lambda pair: pair[0])]
