// What pages compute without a page: figures in words, places on a time axis, names of calls.

import assert from "node:assert/strict";
import { test } from "node:test";

import * as format from "../../../trio_sts/console/static/js/format.js";
import * as layout from "../../../trio_sts/console/static/js/timeline-layout.js";

test("milliseconds", () => {
  assert.deepEqual([null, 0, 640.4, 999.6, 1300, 9994, 9996, 12_345].map(format.ms),
    ["–", "0 ms", "640 ms", "1.00 s", "1.30 s", "9.99 s", "10.0 s", "12.3 s"]);
});

test("the time of a call", () => {
  assert.deepEqual([0, 59.99, 60, 3599, 3723].map(format.clock), ["0:00", "0:59", "1:00", "59:59", "1:02:03"]);
  assert.deepEqual([0, 7.44, 59.96, -1].map(format.moment), ["0:00.0", "0:07.4", "1:00.0", "0:00.0"]);
});

test("money", () => {
  assert.deepEqual([null, 0, 0.00001, 0.0132, 143.2].map(format.usd), ["–", "$0", "< $0.0001", "$0.0132", "$143.20"]);
});

test("numbers of things", () => {
  assert.equal(format.plural(1, "call"), "1 call");
  assert.equal(format.plural(2000, "call"), "2,000 calls");
});

test("an axis has round steps, covers what it must, and whole numbers where halves mean nothing", () => {
  for (const most of [0.003, 0.7, 1, 3, 7, 99, 100, 101, 4321, 86_400]) {
    for (const isWhole of [false, true]) {
      const ticks = format.axis(most, 4, isWhole);
      assert.equal(ticks[0], 0);
      assert.ok(ticks.at(-1) >= most && ticks.length <= 5 + (isWhole ? 1 : 0), `${most}: ${ticks}`);
      if (isWhole) assert.ok(ticks.every(Number.isInteger), `${most}: ${ticks}`);
    }
  }
  assert.deepEqual(format.axis(0), [0, 1]);
});

test("labels of the time axis keep their distance", () => {
  for (const perSecond of [0.05, 1, 12, 300]) {
    const step = layout.stepFor(perSecond);
    assert.ok(step * perSecond >= 72 || step === 3600);
  }
  assert.deepEqual(layout.ticks(4.9, 15, 5), [5, 10, 15]);
  assert.deepEqual(layout.ticks(0, 0.3, 0.1), [0, 0.1, 0.2, 0.3]);
});

test("spans in one row never overlap", () => {
  const spans = [{ at_s: 0, until_s: 4 }, { at_s: 1, until_s: 2 }, { at_s: 2, until_s: 3 }, { at_s: 3.5, until_s: null }, { at_s: 4, until_s: 5 }];
  assert.deepEqual(layout.rows(spans, 10), [0, 1, 1, 1, 0]);
});

test("the entry of a moment is the last that has begun", () => {
  const entries = [0.5, 1, 1, 4].map((at_s) => ({ at_s }));
  assert.deepEqual([0, 0.5, 0.99, 1, 3, 100].map((at) => layout.currentIndex(entries, at)), [-1, 0, 0, 2, 2, 3]);
  assert.equal(layout.currentIndex([], 1), -1);
});

test("the loudest of a stretch is found wherever it is", () => {
  const peaks = [0, 0, 1, 0, 0, 0, 0, 0, 0, 0.5];
  assert.equal(layout.loudest(peaks, 10, 0, 2), 0);
  assert.equal(layout.loudest(peaks, 10, 0, 3), 1);
  assert.equal(layout.loudest(peaks, 10, 2.2, 2.3), 1);
  assert.equal(layout.loudest(peaks, 10, 9, 12), 0.5);
  assert.equal(layout.loudest([], 10, 0, 1), 0);
});

test("a wait is from the caller's last word to the agent's next", () => {
  const caller = [[1, 2], [2.5, 3], [8, 9]];
  const agent = [[0, 0.5], [3.4, 7], [8.5, 8.8]];
  assert.deepEqual(layout.waitsBetween(caller, agent), [[3, 3.4]]);
});
