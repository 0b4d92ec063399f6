"""The compiled engine under the address and undefined-behaviour sanitizers.

What it reads comes from the network, at any length and from any address.
"""

import os
import shutil
import sys
import sysconfig
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import run

import pytest

SOURCE = Path(__file__).parents[2] / "trio_sts/audio/speedups.c"
FLAGS = "-g -O1 -shared -fPIC -fsanitize=address,undefined -fno-sanitize-recover -ffp-contract=off"
RUNTIMES = ("libasan.so", "libubsan.so")

TRIAL = """
import hashlib, importlib.util, random, struct, sys

spec = importlib.util.spec_from_file_location("speedups", sys.argv[1])
engine = importlib.util.module_from_spec(spec)
spec.loader.exec_module(engine)
random.seed(1)
edges = [block * size + n for block in (0, 160) for size in (2, 4, 6) for n in range(-7, 8)]
edges = [edge for edge in edges if edge >= 0]
made_of_all = hashlib.sha256()
for trial in range(1_000):
    n_bytes = random.choice([*edges, random.randrange(9_000)])
    n_taps, units = random.randint(1, 32), (random.randint(1, 3), random.randint(1, 3))
    n_all = n_taps * units[0] * units[1]
    taps = struct.pack(f"{n_all}d", *random.choices([-1.0, 0, 0.5, 1.0], k=n_all))
    # A heap block of just this size; half of the time it is read from an odd address.
    pcm = memoryview(bytearray(random.randbytes(n_bytes)))[trial % 2 :]
    made = engine.resample(pcm, taps, *units)
    made_of_all.update(made)
    assert len(made) == 2 * units[1] * max(len(pcm) // 2 // units[0] - n_taps + 1, 0)
    for ratio in (2, 3):
        assert len(engine.thin(pcm, ratio)) == len(pcm) // 2 // ratio * 2
    whole = pcm[: len(pcm) & -2]
    assert len(engine.compress(whole, bytes(65_536))) == len(whole) // 2

print(made_of_all.hexdigest())
table = bytearray(struct.pack(f"{2 * 62 * 64}h", *random.choices([-4096, 0, 4096], k=7936)))
for trial in range(200):
    frames = random.randrange(30)
    level = random.choice([0, 1, 8, 15])
    if trial % 3:  # noise, or the loudest tones there are
        samples = (random.randrange(-1 << level, 1 << level) for _ in range(160 * frames))
    else:
        half = random.randint(1, 60)
        samples = (32767 if n // half % 2 else -32768 for n in range(160 * frames))
    pcm = bytearray(1) + struct.pack(f"<{160 * frames}h", *samples)
    state = bytearray(528)
    for _ in range(2):
        odd = memoryview(pcm)[1:] if trial % 2 else pcm[1:]
        assert len(engine.detect_speech(odd, state, table)) == frames
"""


@pytest.fixture(name="trial")
def _trial(tmp_path: Path) -> Callable[[str], str]:
    """Builds the engine with one more flag, and tries it; returns what it has told."""
    gcc, headers = shutil.which("gcc"), sysconfig.get_path("include")
    if gcc is None or not Path(headers, "Python.h").exists():
        pytest.skip("no gcc, or no headers of Python's")
    found = [
        run([gcc, f"-print-file-name={name}"], capture_output=True, check=True).stdout
        for name in RUNTIMES
    ]
    environ = {
        **os.environ,
        "LD_PRELOAD": " ".join(path.decode().strip() for path in found),
        "ASAN_OPTIONS": "detect_leaks=0",  # the interpreter's own
        "PYTHONMALLOC": "malloc",  # so that every buffer has fences
    }

    def tried(flag: str) -> str:
        built = tmp_path / f"speedups{flag}.so"
        command = [gcc, *FLAGS.split(), flag, f"-I{headers}", str(SOURCE)]
        run([*command, "-o", str(built)], check=True)
        command = [sys.executable, "-c", TRIAL, str(built)]
        told = run(command, env=environ, capture_output=True, text=True, check=False)
        assert told.returncode == 0, told.stderr
        return told.stdout

    return tried


def test_it_stays_within_its_buffers_and_sums_alike_with_all_registers(
    trial: Callable[[str], str],
) -> None:
    with ThreadPoolExecutor() as both:
        wide, narrow = both.map(trial, ("-O1", "-DWITHOUT_AVX2"))
    assert wide == narrow
    assert len(wide.strip()) == 64
