"""Try changes, several at a time, each in a workplace of its own."""

from collections.abc import Sequence
from pathlib import Path

import click
import trio
from attrs import define, field, frozen

from .report import Outcome, Verdict
from .rooms import environments
from .sample import Candidate
from .workplace import Reach, Workplace

_LOOK_S = 900.0
# A machine that is busy with something else is no hang.
_SLOWER = 4


@frozen
class Change:
    """One to be tried, with the whole file before and after it."""

    room: str
    candidate: Candidate
    before: str
    after: str


@define
class Trials:
    """Owns the workplaces, all in ``folder``.

    Attributes:
        limit_s: What one test may take before it counts as hung. All together may take
            that on top of four times what they took without a change.
    """

    tree: Path
    folder: Path
    workers: int
    limit_s: float
    _reach: dict[tuple[str, int], Reach] = field(
        factory=dict[tuple[str, int], Reach], init=False
    )
    _verdicts: list[Verdict] = field(factory=list[Verdict], init=False)

    async def carry_out(self, changes: Sequence[Change]) -> list[Verdict]:
        """Look at the rooms as they are, then try all changes.

        Raises:
            CannotJudge: In a group: tests fail although nothing was changed.
        """
        rooms = dict.fromkeys(change.room for change in changes)
        looks = [
            (room, number)
            for room in rooms
            for number, _ in enumerate(environments(room))
        ]
        to_look, looked_at = trio.open_memory_channel[tuple[str, int]](len(looks))
        to_try, tried = trio.open_memory_channel[Change](len(changes))
        for look in looks:
            to_look.send_nowait(look)
        for change in changes:
            to_try.send_nowait(change)
        to_look.close()
        to_try.close()
        workplaces = [
            await trio.to_thread.run_sync(
                Workplace.copy_of, self.tree, self.folder / str(number)
            )
            for number in range(self.workers)
        ]
        async with trio.open_nursery() as nursery:
            for workplace in workplaces:
                nursery.start_soon(self._look, workplace, looked_at.clone())
        async with trio.open_nursery() as nursery:
            for workplace in workplaces:
                nursery.start_soon(self._try, workplace, tried.clone(), len(changes))
        order = {id(change.candidate): at for at, change in enumerate(changes)}
        return sorted(self._verdicts, key=lambda each: order[id(each.candidate)])

    async def _look(
        self,
        workplace: Workplace,
        looks: trio.MemoryReceiveChannel[tuple[str, int]],
    ) -> None:
        async for room, number in looks:
            environment = environments(room)[number]
            reach = await workplace.look(room, environment, _LOOK_S)
            self._reach[room, number] = reach
            whole_s = sum(reach.took_s.values())
            given = "".join(f" {name}={value}" for name, value in environment.items())
            click.echo(f"{room}{given}: {len(reach.took_s)} tests, {whole_s:.0f} s")

    async def _try(
        self,
        workplace: Workplace,
        changes: trio.MemoryReceiveChannel[Change],
        count: int,
    ) -> None:
        async for change in changes:
            with workplace.changed(change.candidate.path, change.after):
                outcome = await self._judged(workplace, change)
            verdict = Verdict(
                change.room, change.candidate, change.before, change.after, outcome
            )
            self._verdicts.append(verdict)
            click.echo(f"[{len(self._verdicts):3}/{count}] {verdict}")

    async def _judged(self, workplace: Workplace, change: Change) -> Outcome:
        for number, environment in enumerate(environments(change.room)):
            reach = self._reach[change.room, number]
            order = reach.ordered(change.candidate.path, change.candidate.place.line)
            whole_s = _SLOWER * sum(reach.took_s.values()) + self.limit_s
            run = await workplace.judge(
                change.room, environment, order, whole_s, self.limit_s
            )
            if run.code is None:
                return Outcome.HUNG
            if not run.passed:
                return Outcome.NOTICED
        return Outcome.SURVIVED
