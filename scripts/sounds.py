"""Write the built-in apology: espeak-ng speaks it, at the level of a telephone voice."""

from pathlib import Path

import numpy as np
import soxr  # pyright: ignore[reportMissingTypeStubs]

import trio_sts.sounds
from trio_sts.audio.g711 import MU_LAW
from trio_sts.embedded.speech.espeak import espeak

_VOICE = "en-us+f3"
_WORDS_PER_MINUTE = 150
# -20 dBov.
_RMS = 3277
_TELEPHONE_HZ = 8000


def main() -> None:
    """Write the file into the package."""
    synthesiser = espeak()
    pcm, _ = synthesiser.synthesise(
        trio_sts.sounds.APOLOGY_WORDS, voice=_VOICE, words_per_minute=_WORDS_PER_MINUTE
    )
    samples = np.frombuffer(pcm, "<i2").astype("float32")
    telephone = soxr.resample(samples, synthesiser.rate_hz, _TELEPHONE_HZ)
    loud = telephone * (_RMS / np.sqrt(np.mean(telephone**2)))
    clipped = np.rint(np.clip(loud, -32768, 32767)).astype("<i2")
    path = Path(trio_sts.sounds.__file__).with_name(trio_sts.sounds.APOLOGY_FILE)
    path.write_bytes(MU_LAW.encode(clipped.tobytes()))


if __name__ == "__main__":
    main()
