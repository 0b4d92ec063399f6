"""A service with a console, in a process of its own, as an operator starts it."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from attrs import define, field

COMMAND = [sys.executable, "-m", "trio_sts"]


@define(eq=False)
class Service:
    """A running service; its log is read to its end, so that it never waits for us."""

    process: subprocess.Popen[str]
    port: int = 0
    console: str = ""
    log: list[dict[str, Any]] = field(factory=list[dict[str, Any]])
    _reader: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where callers dial."""
        return f"ws://127.0.0.1:{self.port}"

    def wait_ready(self) -> Self:
        """Return when callers and browsers are answered."""
        output = self.process.stdout
        assert output is not None
        for line in output:
            self._take(line)
            if self.port and self.console:
                break
        assert self.port, f"the service did not start: {self.log}"
        assert self.console
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def stop(self) -> None:
        """As an operator stops it; its calls are not waited for."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self._reader is not None:
            self._reader.join(10)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._take(line)

    def _take(self, line: str) -> None:
        if not line.startswith("{"):
            self.log.append({"event": line})
            return
        told = json.loads(line)
        self.log.append(told)
        if told["event"] == "ready":
            self.port = told["port"]
        elif told["event"] == "console":
            self.console = told["url"].rstrip("/")


def environment(**given: str) -> dict[str, str]:
    """Nothing of who runs the tests, and what is given."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OPENAI_", "STS_", "AMI_", "TOOLS_"))
    }
    own = {"HOST": "127.0.0.1", "PORT": "0", "STS_ADMIN_PORT": "0", "STS_DRAIN_S": "0"}
    return kept | own | {"STS_LOG_FORMAT": "json"} | given


@contextmanager
def serving(folder: Path, *options: str, **given: str) -> Generator[Service]:
    """A service with a console until the block ends."""
    process = subprocess.Popen(
        [*COMMAND, "serve", "--console", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment(**given),
        cwd=folder,
        text=True,
    )
    service = Service(process)
    try:
        yield service.wait_ready()
    finally:
        service.stop()


@contextmanager
def calling(service: Service, *options: str) -> Generator[subprocess.Popen[str]]:
    """A call by ``trio-sts call``; it is hung up at the end of the block."""
    process = subprocess.Popen(
        [*COMMAND, "call", service.url, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment(),
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=20)
