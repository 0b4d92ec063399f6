// Figures and times as people read them. Pure: no page, no clock of its own.

const NOTHING = "–";

/** Milliseconds: `640 ms`, `1.30 s`, `12.3 s`. */
export function ms(value) {
  if (value === null || value === undefined) return NOTHING;
  const whole = Math.round(value);
  if (whole < 1000) return `${whole} ms`;
  return `${(whole / 1000).toFixed(whole < 9995 ? 2 : 1)} s`;
}

/** Seconds of a call: `0:07`, `12:34`, `1:02:03`. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds ?? 0));
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** A moment of a call with tenths: `0:07.4`. */
export function moment(seconds) {
  const tenths = Math.max(0, Math.round((seconds ?? 0) * 10));
  return `${clock(Math.floor(tenths / 10))}.${tenths % 10}`;
}

/** Dollars: small sums keep the digits that matter. */
export function usd(value) {
  if (value === null || value === undefined) return NOTHING;
  if (value === 0) return "$0";
  if (value < 0.0001) return "< $0.0001";
  return `$${value.toFixed(value < 1 ? 4 : 2)}`;
}

/** A whole number with thousands apart. */
export function count(value) {
  return value === null || value === undefined ? NOTHING : Math.round(value).toLocaleString("en");
}

/** `1 call`, `2 calls`. */
export function plural(number, one, several = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : several}`;
}

/** The day and time of an ISO moment, in the reader's own time zone. */
export function dayTime(iso) {
  if (!iso) return NOTHING;
  return new Date(iso).toLocaleString("en-GB", {
    day: "2-digit", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit",
  });
}

/** The time alone, or the day where a time would be too much. */
export function tick(date, spanMs) {
  const day = 86_400_000;
  return spanMs > 2 * day
    ? date.toLocaleDateString("en-GB", { day: "numeric", month: "short" })
    : date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}

/** How slow a wait is for somebody on the telephone. */
export function slowness(value) {
  if (value === null || value === undefined) return "none";
  if (value <= 1000) return "good";
  return value <= 2000 ? "fair" : "slow";
}

/** Round values for an axis from 0 to at least `most`: at most `parts` steps, of whole numbers if `isWhole`. */
export function axis(most, parts = 4, isWhole = false) {
  if (!(most > 0)) return [0, 1];
  const raw = isWhole ? Math.max(1, most / parts) : most / parts;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = (isWhole ? [1, 2, 5, 10] : [1, 2, 2.5, 5, 10]).map((each) => each * power).find((each) => each >= raw * 0.999999);
  const ticks = [];
  for (let number = 0; ; number += 1) {
    ticks.push(Number((number * step).toPrecision(12)));
    if (number * step >= most * 0.999999) return ticks;
  }
}
