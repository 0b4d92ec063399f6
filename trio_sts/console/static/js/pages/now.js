// Now: the calls under way.

import { Refused, post } from "../api.js";
import { confirm } from "../confirm.js";
import { code, emptyState, h, icon, keep, setAttribute, setText } from "../dom.js";
import { figures } from "../figures.js";
import { clock, count, ms, plural, slowness, usd } from "../format.js";
import { nameOf, stateBadge } from "../live.js";
import { follow } from "../stream.js";
import { detail } from "./now-detail.js";

const FIGURES = ["Calls now", "Median wait", "Worst wait", "Tools running", "Cost so far", "Loop lag"];
const SLOW_LAG_MS = 50;

export function open(main, frame) {
  frame.title("Now");
  const strip = figures("All calls under way", FIGURES);
  const list = h("ul");
  const known = new Map();
  const empty = emptyState("No call under way", "Hold one yourself: open Talk, or in a terminal",
    code(`trio-sts call ws://127.0.0.1:${frame.service.call_port} --say "what are your opening hours"`));
  const listCard = h("section.card.live-list", { "aria-label": "Calls under way" }, list, empty);
  const panel = detail({ hangUp, leave: () => select(null) });
  const split = h("div.split", listCard, panel.element);
  const lead = h("p.lead", "Waiting for the service…");
  main.append(h("div.page-head", h("div", h("h1", "Now"), lead)), strip.element, split);
  empty.hidden = true;
  panel.element.hidden = true;

  let chosen = null;
  let isChosenByHand = false;
  let last = [];

  function select(id) {
    chosen = id;
    isChosenByHand = id !== null;
    split.classList.toggle("has-choice", isChosenByHand);
    show(last);
    if (id === null) list.querySelector("button")?.focus();
  }

  function show(calls) {
    last = calls;
    if (!calls.some((each) => each.id === chosen)) {
      isChosenByHand = false;
      chosen = calls[0]?.id ?? null;
      split.classList.remove("has-choice");
    }
    keep(list, known, calls, (each) => each.id, () => row(select));
    for (const [id, part] of known) setAttribute(part.element.firstChild, "aria-pressed", id === chosen);
    empty.hidden = calls.length > 0;
    const call = calls.find((each) => each.id === chosen);
    panel.element.hidden = !call;
    if (call) panel.update(call);
  }

  async function hangUp(live) {
    const isMeant = await confirm("Hang up this call?", `${nameOf(live)}: the caller is cut off at once.`, "Hang up");
    if (!isMeant) return;
    try {
      await post(`/api/now/${encodeURIComponent(live.id)}/hangup`);
      panel.tell("");
    } catch (error) {
      panel.tell(error instanceof Refused && error.status === 404 ? "The call was over already." : error.message);
    }
  }

  const stream = follow("/api/now/events", "calls", (told) => {
    const running = told.calls.filter((each) => each.state !== "over");
    show(told.calls);
    setText(lead, running.length ? plural(running.length, "call") + " under way" : "The service answers; nobody is on the line.");
    summarise(strip, running, told.loop_lag_ms);
  }, (state) => frame.reachable(state === "live"));
  return () => stream.close();
}

function summarise(strip, calls, lagMs) {
  const waits = calls.flatMap((each) => (each.latencies ?? []).map((wait) => wait.ms)).sort((a, b) => a - b);
  const priced = calls.filter((each) => each.cost_usd !== null && each.cost_usd !== undefined);
  const worst = waits.at(-1);
  strip.update({
    "Calls now": count(calls.length),
    "Median wait": ms(waits.length ? waits[Math.floor((waits.length - 1) / 2)] : null),
    "Worst wait": ms(worst),
    "Tools running": count(calls.reduce((sum, each) => sum + (each.tools_running?.length ?? 0), 0)),
    "Cost so far": usd(priced.length ? priced.reduce((sum, each) => sum + each.cost_usd, 0) : calls.length ? null : 0),
    "Loop lag": lagMs === null || lagMs === undefined ? "–" : `${lagMs.toFixed(1)} ms`,
  }, [...(slowness(worst) === "slow" ? ["Worst wait"] : []), ...(lagMs > SLOW_LAG_MS ? ["Loop lag"] : [])]);
}

function row(select) {
  const name = h("span.live-name");
  const age = h("span.live-age");
  const words = h("span.live-words");
  const wait = h("span.live-wait");
  const badge = stateBadge();
  const warned = h("span.badge.bad", icon("warning"));
  const warnings = h("span");
  warned.append(warnings);
  const button = h("button.live-row", { type: "button" }, name, age, h("span.live-state", badge.element, warned), wait, words);
  return {
    element: h("li", button),
    update(live) {
      button.onclick = () => select(live.id);
      setAttribute(button, "class", live.state === "over" ? "live-row over" : "live-row");
      setText(name, nameOf(live));
      setText(age, clock(live.age_s));
      const said = live.transcript?.at(-1);
      setText(words, said ? said.text : "");
      setText(wait, live.last_latency_ms === null || live.last_latency_ms === undefined ? "" : ms(live.last_latency_ms));
      setAttribute(wait, "class", `live-wait ${slowness(live.last_latency_ms)}-text`);
      const number = live.warnings?.length ?? 0;
      warned.hidden = number === 0;
      setText(warnings, plural(number, "warning"));
      badge.update(live);
    },
  };
}
