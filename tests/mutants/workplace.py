"""A copy of the whole tree, in which one file at a time is changed and tests are run."""

import os
import shutil
import signal
import subprocess
import sysconfig
import venv
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import which

import orjson
import trio
from attrs import field, frozen

from .leftovers import kill_all_in
from .rooms import tests

_PYTEST = (
    "-m", "pytest", "-x", "-q", "--tb=short", "-p", "no:cacheprovider",
    "-p", "tests.mutants.plugin",
)  # fmt: skip
# How Python begins to tell where everything stood.
_TOO_LONG = "Timeout ("
# No test at all, or a command line that pytest does not know: our own fault.
_USELESS = {4, 5}


class CannotJudge(Exception):
    """The tests can't be asked: they fail although nothing was changed."""


@frozen
class Run:
    """One run of tests: pytest's exit code (none if it hung) and what it printed."""

    code: int | None
    printed: str

    @property
    def passed(self) -> bool:
        return self.code == 0


@frozen
class Reach:
    """What a room's tests do in one environment, with the code as it is.

    Attributes:
        took_s: By test, all its phases.
        lines: By file and line, the tests that came there.
    """

    took_s: Mapping[str, float]
    lines: Mapping[str, Mapping[str, Sequence[str]]]

    def ordered(self, path: str, line: int) -> list[str]:
        """All tests: first who comes to the line, then to the file; quick ones first."""
        of_file = self.lines.get(path, {})
        here = set(of_file.get(str(line), ()))
        near = {name for names in of_file.values() for name in names}
        return sorted(
            self.took_s,
            key=lambda name: (name not in here, name not in near, self.took_s[name]),
        )


@frozen
class Workplace:
    """A copy of the tree, for one run of tests at a time."""

    root: Path
    temporary: Path = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "temporary", self.root.with_name(self.root.name + "t"))

    @classmethod
    def copy_of(cls, tree: Path, root: Path) -> "Workplace":
        """What Git knows or would take, and the compiled parts."""
        listed = subprocess.run(
            (which("git") or "git", "ls-files", "-z", "-co", "--exclude-standard"),
            cwd=tree,
            check=True,
            capture_output=True,
        ).stdout.decode()
        compiled = [path.relative_to(tree) for path in tree.glob("trio_sts/**/*.so")]
        for name in [*map(Path, filter(None, listed.split("\0"))), *compiled]:
            if (tree / name).is_file():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(tree / name, root / name)
        _make_environment(root)
        return cls(root)

    async def look(
        self, room: str, environment: Mapping[str, str], limit_s: float
    ) -> Reach:
        """Run a room's tests on the code as it is.

        Raises:
            CannotJudge: One failed, or there is none.
        """
        told = self.root / f"reach-{room}.json"
        more = {**environment, "MUTANTS_REACH": str(told)}
        run = await self._run(room, more, limit_s)
        if not run.passed:
            reason = f"{room}, nothing changed:\n{run.printed}"
            raise CannotJudge(reason)
        read = orjson.loads(told.read_bytes())
        return Reach(read["took_s"], read["lines"])

    async def judge(
        self,
        room: str,
        environment: Mapping[str, str],
        order: Sequence[str],
        limit_s: float,
        test_limit_s: float,
    ) -> Run:
        """Run a room's tests, in this order, until one fails or takes too long.

        Raises:
            CannotJudge: No test was run.
        """
        file = self.root / "order.json"
        file.write_bytes(orjson.dumps(order))
        more = {**environment, "MUTANTS_ORDER": str(file)}
        ends = (
            f"--override-ini=faulthandler_timeout={test_limit_s}",
            "--override-ini=faulthandler_exit_on_timeout=true",
        )
        run = await self._run(room, more, limit_s, *ends)
        if run.code and _TOO_LONG in run.printed:
            return Run(None, run.printed)
        if run.code in _USELESS:
            reason = f"{room}:\n{run.printed}"
            raise CannotJudge(reason)
        return run

    @contextmanager
    def changed(self, path: str, after: str) -> Generator[None]:
        """The file reads ``after`` inside the block."""
        file = self.root / path
        before = file.read_bytes()
        try:
            _forget_compiled(file)
            file.write_text(after, "utf-8")
            yield
        finally:
            file.write_bytes(before)
            _forget_compiled(file)

    async def _run(
        self, room: str, more: Mapping[str, str], limit_s: float, *options: str
    ) -> Run:
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.temporary.mkdir()
        printed = self.root / "printed.txt"
        environ = {
            **os.environ,
            **more,
            "TMPDIR": str(self.temporary),
        }
        with printed.open("wb") as output:
            process = await trio.lowlevel.open_process(
                [
                    str(_environment(self.root) / "bin" / "python"),
                    *_PYTEST,
                    *options,
                    *tests(self.root, room),
                ],
                cwd=self.root,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            code = None
            try:
                with trio.move_on_after(limit_s):
                    code = await process.wait()
            finally:
                # What it started and left behind goes too.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                kill_all_in([self.root, self.temporary])
                with trio.CancelScope(shield=True):
                    await process.wait()
        return Run(code, printed.read_text("utf-8", "replace"))


def _environment(root: Path) -> Path:
    return root / ".venv"


def _make_environment(root: Path) -> None:
    """An environment with all that is installed, in which the copy comes first.

    So it does for programs that tests start, wherever and with whatever variables.
    """
    venv.create(_environment(root), symlinks=True)
    (packages,) = _environment(root).glob("lib/python*/site-packages")
    installed = sysconfig.get_path("purelib")
    lines = [str(root), f"import site; site.addsitedir({installed!r})", ""]
    (packages / "workplace.pth").write_text("\n".join(lines), "utf-8")


def _forget_compiled(file: Path) -> None:
    # Python tells it by the source's size and second of writing: not enough here.
    for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"):
        compiled.unlink()
