// Figures over time: lines or bars, drawn at the size they have on the page.

import { h, s } from "./dom.js";
import { axis, tick } from "./format.js";

const HEIGHT = 148;
const LEFT = 46;
const RIGHT = 8;
const BOTTOM = 20;
const TOP = 6;

/**
 * A chart of buckets `{at, ...}`.
 * `series`: `[{name, look: 1|2|3, value(bucket)}]`; bars are stacked, lines are not, and a value of null is a gap.
 * `format(value)` writes the axis and the readout; `isWhole`: there are no halves of it.
 */
export function timeChart({ title, kind, series, format, isWhole = false }) {
  const read = h("span.chart-read");
  const area = h("div.chart-area");
  const keys = series.length > 1 ? h("div.keys", series.map((each) => h(`span.k${each.look}`, each.name))) : null;
  const element = h("figure.chart", h("div.chart-head", h("h2", title), read), keys, area);
  let buckets = [];

  function draw() {
    const width = Math.floor(area.clientWidth);
    if (width > LEFT + RIGHT) area.replaceChildren(drawing(width));
  }

  function readout(index) {
    if (index === null) {
      const told = buckets.length ? "" : "No calls in this time";
      read.textContent = told;
      return;
    }
    const bucket = buckets[index];
    const values = series.map((each) => [each.name, each.value(bucket)]).filter(([, value]) => value !== null && value !== undefined);
    read.textContent = [tick(new Date(bucket.at), span(buckets)), ...values.map(([name, value]) => `${name} ${format(value)}`)].join(" · ");
  }

  function drawing(width) {
    const inner = { width: width - LEFT - RIGHT, height: HEIGHT - TOP - BOTTOM };
    const top = Math.max(0, ...buckets.map((bucket) => (kind === "bars"
      ? series.reduce((sum, each) => sum + (each.value(bucket) ?? 0), 0)
      : Math.max(0, ...series.map((each) => each.value(bucket) ?? 0)))));
    const ticks = axis(top, 3, isWhole);
    const most = ticks.at(-1);
    const y = (value) => TOP + inner.height * (1 - value / most);
    const step = inner.width / Math.max(1, buckets.length);
    const x = (index) => LEFT + (index + 0.5) * step;
    const focus = s("line.focus", { y1: TOP, y2: TOP + inner.height, visibility: "hidden" });
    const svg = s("svg", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": summary() });
    for (const value of ticks) {
      svg.append(s("line.grid", { x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }),
        s("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, format(value)));
    }
    svg.append(...times(width, x, step), ...(kind === "bars" ? bars(x, y, step) : lines(x, y)), focus);
    svg.addEventListener("pointermove", (event) => {
      if (!buckets.length) return;
      const at = (event.clientX - svg.getBoundingClientRect().left - LEFT) / step;
      const index = Math.max(0, Math.min(buckets.length - 1, Math.floor(at)));
      focus.setAttribute("x1", x(index));
      focus.setAttribute("x2", x(index));
      focus.setAttribute("visibility", "visible");
      readout(index);
    });
    svg.addEventListener("pointerleave", () => {
      focus.setAttribute("visibility", "hidden");
      readout(null);
    });
    return svg;
  }

  function times(width, x, step) {
    const every = Math.max(1, Math.ceil(78 / step));
    return buckets.flatMap((bucket, index) => {
      const place = x(index);
      if (index % every || place > width - RIGHT - 24) return [];
      return [s("text", { x: place, y: HEIGHT - 4, "text-anchor": place < LEFT + 24 ? "start" : "middle" }, tick(new Date(bucket.at), span(buckets)))];
    });
  }

  function bars(x, y, step) {
    const wide = Math.max(1, Math.min(28, step * 0.72));
    return buckets.flatMap((bucket, index) => {
      let below = 0;
      return series.flatMap((each) => {
        const value = each.value(bucket) ?? 0;
        if (!value) return [];
        const bottom = y(below);
        below += value;
        return [s(`rect.bar.c${each.look}`, { x: x(index) - wide / 2, y: y(below), width: wide, height: Math.max(1, bottom - y(below)), rx: 1.5 })];
      });
    });
  }

  function lines(x, y) {
    return series.flatMap((each) => {
      const points = buckets.map((bucket, index) => ({ x: x(index), y: each.value(bucket) })).filter((point) => point.y !== null && point.y !== undefined);
      const path = points.map((point, n) => `${n ? "L" : "M"}${point.x.toFixed(1)} ${y(point.y).toFixed(1)}`).join("");
      const marks = points.length < 40 ? points.map((point) => s(`circle.point.c${each.look}`, { cx: point.x, cy: y(point.y), r: 2.5 })) : [];
      return [s(`path.line.c${each.look}`, { d: path }), ...marks];
    });
  }

  function summary() {
    if (!buckets.length) return `${title}: no calls in this time`;
    const parts = series.map((each) => {
      const values = buckets.map(each.value).filter((value) => value !== null && value !== undefined);
      return values.length ? `${each.name} at most ${format(Math.max(...values))}` : `${each.name}: nothing`;
    });
    return `${title}: ${parts.join(", ")}`;
  }

  const observer = new ResizeObserver(draw);
  observer.observe(area);
  return {
    element,
    update(wanted) {
      buckets = wanted;
      draw();
      readout(null);
    },
    close: () => observer.disconnect(),
  };
}

function span(buckets) {
  return buckets.length < 2 ? 0 : new Date(buckets.at(-1).at) - new Date(buckets[0].at);
}
