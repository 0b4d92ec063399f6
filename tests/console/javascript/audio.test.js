// Sound of the page Talk: resampling, the queue of the loudspeaker, the clock of turns.

import assert from "node:assert/strict";
import { test } from "node:test";

import { decode, encode } from "../../../trio_sts/console/static/js/audio/base64.js";
import { PlayoutQueue } from "../../../trio_sts/console/static/js/audio/queue.js";
import { Resampler, fromPcm16, toPcm16 } from "../../../trio_sts/console/static/js/audio/resample.js";
import { TurnClock } from "../../../trio_sts/console/static/js/audio/turn-clock.js";

const tone = (hz, rateHz, seconds) =>
  Float32Array.from({ length: rateHz * seconds }, (_, n) => 0.5 * Math.sin((2 * Math.PI * hz * n) / rateHz));

const level = (samples) => Math.sqrt(samples.reduce((sum, sample) => sum + sample ** 2, 0) / samples.length);

// Without both ends, where a tone begins and stops.
const middle = (samples) => samples.subarray(Math.floor(samples.length / 4), Math.floor((3 * samples.length) / 4));

for (const [fromHz, toHz] of [[48_000, 8000], [44_100, 8000], [8000, 48_000], [8000, 44_100], [16_000, 8000]]) {
  test(`a tone of 1 kHz keeps its level and its height from ${fromHz} to ${toHz} Hz`, () => {
    const out = middle(new Resampler(fromHz, toHz).push(tone(1000, fromHz, 1)));
    assert.ok(Math.abs(level(out) / (0.5 * Math.SQRT1_2) - 1) < 0.01);
    const crossings = out.reduce((sum, sample, n) => sum + (n > 0 && out[n - 1] < 0 && sample >= 0), 0);
    assert.ok(Math.abs(crossings / (out.length / toHz) - 1000) < 4);
  });
}

test("what 8 kHz cannot carry is not heard in it", () => {
  for (const hz of [5000, 7000, 11_000]) {
    const out = middle(new Resampler(48_000, 8000).push(tone(hz, 48_000, 1)));
    assert.ok(level(out) < 0.002, `${hz} Hz: ${level(out)}`);
  }
});

test("a tone at 8 kHz has no image of itself at 48 kHz", () => {
  const out = middle(new Resampler(8000, 48_000).push(tone(3000, 8000, 1)));
  const product = (wave) => Math.abs(out.reduce((sum, sample, n) => sum + sample * wave(n), 0)) / out.length;
  for (const hz of [5000, 11_000]) {
    const phase = (n) => (2 * Math.PI * hz * n) / 48_000;
    assert.ok(Math.hypot(product((n) => Math.sin(phase(n))), product((n) => Math.cos(phase(n)))) < 0.001);
  }
});

test("pieces of any length give the same samples", () => {
  const whole = tone(700, 44_100, 0.5);
  const expected = new Resampler(44_100, 8000).push(whole);
  const resampler = new Resampler(44_100, 8000);
  const parts = [];
  for (let start = 0, size = 1; start < whole.length; start += size, size = (size * 7) % 400 || 1) {
    parts.push(...resampler.push(whole.subarray(start, start + size)));
  }
  assert.equal(parts.length, expected.length);
  parts.forEach((sample, n) => assert.ok(Math.abs(sample - expected[n]) < 1e-5));
});

test("an hour comes out as an hour", () => {
  const resampler = new Resampler(44_100, 8000);
  const block = new Float32Array(441);
  let samples = 0;
  for (let n = 0; n < 6000; n += 1) samples += resampler.push(block).length;
  assert.ok(Math.abs(samples - 60 * 8000) < 200);
});

test("samples as PCM16LE and back, loud ones clipped", () => {
  assert.deepEqual([...toPcm16(Float32Array.of(0, 1, -1, 2))], [0, 0, 255, 127, 1, 128, 255, 127]);
  assert.deepEqual([...fromPcm16(Uint8Array.of(0, 64, 0, 192, 9))], [0.5, -0.5]);
});

test("a view into a bigger buffer is read where it is", () => {
  const bytes = Uint8Array.of(1, 1, 0, 64).subarray(2);
  assert.deepEqual([...fromPcm16(bytes)], [0.5]);
});

test("base64 of any bytes, and back", () => {
  const bytes = Uint8Array.from({ length: 20_000 }, (_, n) => (n * 37) % 256);
  assert.deepEqual(decode(encode(bytes)), bytes);
  assert.equal(encode(bytes), Buffer.from(bytes).toString("base64"));
});

test("the queue plays pieces in their order, and silence after them", () => {
  const queue = new PlayoutQueue(2);
  queue.push(Float32Array.of(1, 2));
  queue.push(Float32Array.of(3));
  const out = new Float32Array(5).fill(9);
  queue.pull(out);
  assert.deepEqual([...out], [1, 2, 3, 0, 0]);
  assert.equal(queue.length, 0);
});

test("a cut leaves a fade and nothing else", () => {
  const queue = new PlayoutQueue(4);
  queue.push(new Float32Array(1000).fill(1));
  queue.pull(new Float32Array(10));
  queue.cut();
  assert.equal(queue.length, 4);
  const out = new Float32Array(6);
  queue.pull(out);
  assert.deepEqual([...out], [0.75, 0.5, 0.25, 0, 0, 0]);
  queue.cut();
  assert.equal(queue.length, 0);
});

test("a turn is measured from the last word to the first sound of the answer", () => {
  const clock = new TurnClock();
  assert.equal(clock.answered(0), null);
  for (let now = 1000; now < 2000; now += 20) clock.heard(0.1, now);
  for (let now = 2000; now < 2500; now += 20) clock.heard(0.001, now);
  assert.equal(clock.answered(2600), 620);
  assert.equal(clock.answered(2620), null);
  clock.pressed(4000);
  assert.equal(clock.answered(4100), 100);
});

test("a noisy line is no speech", () => {
  const clock = new TurnClock();
  for (let now = 0; now < 60_000; now += 20) clock.heard(0.02, now);
  clock.spokenAt = null;
  for (let now = 60_000; now < 62_000; now += 20) clock.heard(0.025, now);
  assert.equal(clock.answered(63_000), null);
});
