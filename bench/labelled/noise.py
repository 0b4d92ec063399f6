"""What a line adds: noise of any colour, mains hum, comfort noise, clicks."""

import numpy as np

from trio_sts.audio.framing import SAMPLE_RATE_HZ

from .sound import Sound, at_dbov, rms


def coloured(rng: np.random.Generator, samples: int, slope_db: float) -> Sound:
    """Noise whose power falls by ``slope_db`` per octave above 50 Hz."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    hz = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE_HZ)
    spectrum *= (np.maximum(hz, 50) / 50) ** (-slope_db / 6.02)
    spectrum[0] = 0
    noise = np.fft.irfft(spectrum, samples)
    return noise / rms(noise)


def hum(rng: np.random.Generator, samples: int, mains_hz: float = 50) -> Sound:
    """Mains hum: odd and even multiples, falling, with the noise of a line."""
    t = np.arange(samples) / SAMPLE_RATE_HZ
    parts = [
        np.sin(2 * np.pi * mains_hz * n * t + rng.uniform(0, 7))
        / n ** rng.uniform(0.5, 1.5)
        for n in (1, 2, 3, 4, 5, 6, 7, 9, 11, 13)
    ]
    return at_dbov(sum(parts, np.zeros(samples)), 0) + 0.02 * coloured(rng, samples, 3)


def comfort_noise(rng: np.random.Generator, samples: int) -> Sound:
    """As in G.711 appendix II: a level and a few reflection coefficients, told anew."""
    parts: list[Sound] = []
    left = samples
    while left > 0:
        length = int(rng.integers(800, 12_000))
        reflections = rng.uniform(-0.6, 0.6, int(rng.integers(1, 6)))
        noise = rng.standard_normal(length + 200)
        parts.append(at_dbov(_lattice(noise, reflections)[200:], rng.uniform(-75, -40)))
        left -= length
    return np.concatenate(parts)[:samples]


def _lattice(noise: Sound, reflections: Sound) -> Sound:
    taps = np.array([1.0])
    for k in reflections:
        padded = np.append(taps, 0)
        taps = padded + k * padded[::-1]
    # All-pole filtering, by its impulse response.
    response = np.zeros(200)
    for n in range(200):
        past = response[max(0, n - len(taps) + 1) : n][::-1]
        response[n] = (n == 0) - float(np.dot(taps[1 : len(past) + 1], past))
    return np.convolve(noise, response)[: len(noise)]


def clicks(rng: np.random.Generator, samples: int) -> Sound:
    """Contacts and crackle: single samples and short decaying bursts, now and then."""
    sound = np.zeros(samples)
    for at in rng.integers(0, samples - 200, samples // 2_000):
        length = int(rng.integers(1, 160))
        burst = rng.standard_normal(length) * np.exp(-np.arange(length) / (length / 4))
        sound[at : at + length] += burst * 10 ** rng.uniform(-1, 0)
    return sound


def with_line_noise(rng: np.random.Generator, sound: Sound, noise_dbov: float) -> Sound:
    """The sound on a line that is not quite still."""
    return sound + at_dbov(coloured(rng, len(sound), 2), noise_dbov)


def level_jumps(rng: np.random.Generator, samples: int) -> Sound:
    """A noise floor that rises by 20 dB and stays, and falls again."""
    sound = at_dbov(coloured(rng, samples, float(rng.choice([0, 3, 6]))), -55)
    edges = np.cumsum(rng.uniform(1, 5, 20) * SAMPLE_RATE_HZ).astype(int)
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        sound[begin:end] *= 10
    return sound
