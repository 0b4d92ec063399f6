// One call in the table.

import { h } from "../dom.js";
import { clock, count, dayTime, ms, slowness, usd } from "../format.js";
import { nameOf } from "../live.js";

export function callRow(call) {
  const name = nameOf(call);
  const kept = [call.has_recording ? "recording" : null, call.has_file && !call.has_recording ? "timeline" : null].filter(Boolean);
  return h("tr",
    h("td", h("a", { href: `#/call/${encodeURIComponent(call.id)}`, title: name }, name),
      name === call.uuid ? null : h("span.sub", { title: call.uuid }, call.uuid)),
    h("td", dayTime(call.begun_at), kept.length ? h("span.sub", `with ${kept.join(", ")}`) : null),
    h("td.number", clock(call.duration_s)),
    h("td", h("span", { class: call.failed ? "badge bad" : "badge", title: call.outcome }, call.outcome)),
    h("td.number.only-wide", count(call.turns)),
    h("td.number", h("span", { class: `${slowness(call.worst_ms || null)}-text` }, ms(call.worst_ms || null))),
    h("td.number.only-wide", usd(call.cost_usd)));
}
