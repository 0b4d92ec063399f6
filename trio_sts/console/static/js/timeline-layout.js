// Where things stand on the time axis of a call. Pure: seconds in, places out.

const STEPS_S = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

/** The step of an axis, in seconds, so that its labels are `least` pixels apart or more. */
export function stepFor(pixelsPerSecond, least = 72) {
  return STEPS_S.find((step) => step * pixelsPerSecond >= least) ?? STEPS_S.at(-1);
}

/** All moments of the axis between two, each a whole number of steps. */
export function ticks(fromS, untilS, stepS) {
  const first = Math.ceil(fromS / stepS - 1e-9);
  const out = [];
  for (let n = first; n * stepS <= untilS + 1e-9; n += 1) out.push(Number((n * stepS).toFixed(3)));
  return out;
}

/**
 * Rows for spans `{at_s, until_s}` so that no two in a row overlap; gives the row of each, in order.
 * What has no end yet ends at `endS`.
 */
export function rows(spans, endS) {
  const ends = [];
  return spans.map((span) => {
    const row = ends.findIndex((end) => end <= span.at_s);
    const place = row < 0 ? ends.length : row;
    ends[place] = span.until_s ?? endS;
    return place;
  });
}

/** The last of `entries` (sorted by `at_s`) that has begun at this moment; -1 before the first. */
export function currentIndex(entries, atS) {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (entries[middle].at_s <= atS + 1e-6) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The loudest of the peaks (evenly spread over `durationS`) between two moments; 0 outside. */
export function loudest(peaks, durationS, fromS, untilS) {
  if (!peaks.length || !(durationS > 0)) return 0;
  const first = Math.max(0, Math.floor((fromS / durationS) * peaks.length));
  const last = Math.min(peaks.length - 1, Math.max(first, Math.ceil((untilS / durationS) * peaks.length) - 1));
  let most = 0;
  for (let index = first; index <= last; index += 1) most = Math.max(most, peaks[index]);
  return most;
}

/** Waits of the caller: from the end of their words to the agent's next, where nobody else comes between. */
export function waitsBetween(caller, agent) {
  const out = [];
  for (const [index, [, stopped]] of caller.entries()) {
    const again = caller[index + 1]?.[0] ?? Infinity;
    const answer = agent.find(([from]) => from >= stopped);
    if (answer && answer[0] < again && answer[0] > stopped) out.push([stopped, answer[0]]);
  }
  return out;
}
