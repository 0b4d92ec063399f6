"""Nothing that tests have started goes on when they are over."""

import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from .leftovers import kill_all_in

WAITS = (sys.executable, "-c", "import signal; print(flush=True); signal.pause()")


@contextmanager
def waiting(folder: Path) -> Generator[subprocess.Popen[bytes]]:
    folder.mkdir()
    with subprocess.Popen(
        WAITS, cwd=folder, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def test_a_process_in_a_session_of_its_own_is_found_by_its_folder(
    tmp_path: Path,
) -> None:
    with waiting(tmp_path / "left") as left, waiting(tmp_path / "others") as others:
        kill_all_in([tmp_path / "left"])
        assert left.wait(20) == -signal.SIGKILL
        assert others.poll() is None
