// The latency of each turn: one bar each, the newest at the right.

import { h, keep, setAttribute, setText } from "./dom.js";
import { ms, slowness } from "./format.js";

const KINDS = { greeting: "Greeting", turn: "Turn", tool: "Turn with a tool" };
const LEAST_SCALE_MS = 1500;

/** Takes `[{kind, ms, at_s}]`. */
export function waits() {
  const known = new Map();
  const bars = h("ol.waits", { "aria-label": "Latency of each turn", tabindex: "0" });
  const nothing = h("li.nothing.muted.small", "No answer yet.");
  let shown = 0;
  return {
    element: bars,
    update(latencies) {
      if (latencies.length) nothing.remove();
      else bars.append(nothing);
      const most = Math.max(LEAST_SCALE_MS, ...latencies.map((each) => each.ms));
      keep(bars, known, latencies.map((each) => ({ ...each, most })), (each) => `${each.at_s} ${each.kind}`, bar);
      if (latencies.length !== shown) bars.scrollLeft = bars.scrollWidth;
      shown = latencies.length;
    },
  };
}

function bar() {
  const text = h("span");
  const body = h("i");
  const element = h("li.wait", text, body);
  return {
    element,
    update(each) {
      setAttribute(element, "class", `wait ${slowness(each.ms)}`);
      setText(text, Math.round(each.ms));
      const label = `${KINDS[each.kind] ?? each.kind}: ${ms(each.ms)}`;
      setAttribute(element, "title", label);
      body.style.height = `${Math.round((each.ms / each.most) * 46)}px`;
    },
  };
}
