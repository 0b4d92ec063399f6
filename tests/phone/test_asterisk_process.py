"""The command as a process, against the service as a process: Asterisk's side of a call."""

import os
import re
import subprocess
import sys
import wave
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

PROGRAM = str(Path(sys.executable).with_name("trio-sts"))


@contextmanager
def embedded_service(folder: Path) -> Generator[str]:
    """The service with the embedded model, on a free port."""
    environ = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith(("OPENAI_", "STS_", "AMI_"))
    }
    with subprocess.Popen(
        [PROGRAM, "serve", "--embedded"],
        cwd=folder,
        env={**environ, "PORT": "0", "HOST": "127.0.0.1", "STS_GREETING": "off"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            told = ""
            for line in process.stdout:
                told += line
                port = re.search(r'"?port"?[:=] ?(\d+)', line)
                if "ready" in line and port:
                    yield f"ws://127.0.0.1:{port[1]}/media"
                    break
            else:
                raise AssertionError(told)
        finally:
            process.terminate()
            process.communicate(timeout=30)


def test_a_caller_at_24_khz_rings_talks_and_is_hung_up_on(tmp_path: Path) -> None:
    record = tmp_path / "both.wav"
    with embedded_service(tmp_path) as url:
        called = subprocess.run(
            [
                *(PROGRAM, "call", "--asterisk", "--format", "slin24"),
                *("--say", "thank you goodbye", "--record", str(record)),
                *("--meta", "from=2000", "--greeting", "0"),
                # The service is the first to hang up, by far.
                *("--quiet-ms", "20000", url),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    told = called.stdout
    assert called.returncode == 0, told + called.stderr
    assert "the call is answered" in told
    assert re.search(r"answered after \d+ ms of ringing", told)
    assert "turn 1 (voice): answer heard after" in told
    assert "call over: the service hung up" in told
    assert "fault" not in told
    with wave.open(str(record)) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 24_000)
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    assert np.abs(both).max(axis=0).min() > 1_000
