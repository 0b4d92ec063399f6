// Resampling by a windowed sinc, for streams that come in pieces of any length. Pure; it runs
// in the page's audio threads and in Node.js.

const ZERO_CROSSINGS = 16;
const STEPS = 256;
const KAISER_BETA = 8;
// The pass band ends a little below the lower of the two Nyquist frequencies.
const ROLL_OFF = 0.92;

function bessel(x) {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > sum * 1e-12; k += 1) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

// One wing of the kernel (it is symmetric), STEPS values for each zero crossing.
const WING = Float64Array.from({ length: ZERO_CROSSINGS * STEPS + 2 }, (_, index) => {
  const x = index / STEPS;
  if (x >= ZERO_CROSSINGS) return 0;
  const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
  return (sinc * bessel(KAISER_BETA * Math.sqrt(1 - (x / ZERO_CROSSINGS) ** 2))) / bessel(KAISER_BETA);
});

function kernel(x) {
  const place = Math.abs(x) * STEPS;
  const index = Math.floor(place);
  if (index >= ZERO_CROSSINGS * STEPS) return 0;
  return WING[index] + (place - index) * (WING[index + 1] - WING[index]);
}

/**
 * Turns samples at one rate (Hz) into samples at another.
 * `push` takes and gives Float32Array; what is still needed of the past is kept.
 */
export class Resampler {
  constructor(fromHz, toHz) {
    this.step = fromHz / toHz;
    this.cutoff = ROLL_OFF * Math.min(1, toHz / fromHz);
    this.reach = Math.ceil(ZERO_CROSSINGS / this.cutoff);
    this.reset();
  }

  /** Forget the past: what comes next has silence before it. */
  reset() {
    this.held = new Float32Array(this.reach);
    this.position = this.reach;
  }

  push(samples) {
    const all = new Float32Array(this.held.length + samples.length);
    all.set(this.held);
    all.set(samples, this.held.length);
    const out = [];
    while (this.position + this.reach < all.length) {
      out.push(this.#at(all, this.position));
      this.position += this.step;
    }
    const drop = Math.max(0, Math.min(all.length, Math.floor(this.position) - this.reach));
    this.held = all.slice(drop);
    this.position -= drop;
    return Float32Array.from(out);
  }

  #at(samples, position) {
    const first = Math.max(0, Math.ceil(position - this.reach));
    const last = Math.min(samples.length - 1, Math.floor(position + this.reach));
    let sum = 0;
    for (let index = first; index <= last; index += 1) {
      sum += samples[index] * kernel((index - position) * this.cutoff);
    }
    return sum * this.cutoff;
  }
}

/** Samples from -1 to 1 as PCM16LE; what is louder is clipped. */
export function toPcm16(samples) {
  const bytes = new Uint8Array(samples.length * 2);
  const view = new DataView(bytes.buffer);
  samples.forEach((sample, index) => {
    view.setInt16(index * 2, Math.round(Math.max(-1, Math.min(1, sample)) * 32_767), true);
  });
  return bytes;
}

/** PCM16LE as samples from -1 to 1; an odd byte at the end is left out. */
export function fromPcm16(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.byteLength >> 1 }, (_, index) => view.getInt16(index * 2, true) / 32_768);
}
