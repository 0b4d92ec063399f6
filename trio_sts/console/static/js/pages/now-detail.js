// One call under way, in all its detail.

import { h, icon, keep, setAttribute, setText } from "../dom.js";
import { clock, count, ms, usd } from "../format.js";
import { nameOf, stateBadge } from "../live.js";
import { transcript } from "../transcript.js";
import { waits } from "../waits.js";

const FACTS = ["Duration", "Turns", "Barge-ins", "Last wait", "Worst wait", "Tokens", "Cost so far", "Model"];

/** The panel beside the list; `update(live)` shows a call, `tell(text)` a trouble. */
export function detail({ hangUp, leave }) {
  const name = h("h2.detail-name");
  const id = h("span.detail-id");
  const badge = stateBadge();
  const trouble = h("p.notice.bad", { role: "alert", hidden: true });
  const places = new Map(FACTS.map((fact) => [fact, h("dd", "–")]));
  const bars = waits();
  const tools = h("ul.ran");
  const noTools = h("p.muted.small", "None yet.");
  const warnings = h("ul.notices");
  const said = transcript("Transcript");
  const hang = h("button.button.danger", { type: "button" }, icon("hang-up"), "Hang up");
  const toolsKnown = new Map();
  const warningsKnown = new Map();
  let shown = null;

  hang.addEventListener("click", () => hangUp(shown));
  const element = h("section.card.detail", { "aria-label": "The chosen call" },
    h("div.card-head",
      h("button.button.quiet.detail-close", { type: "button", on: { click: leave }, "aria-label": "Back to the list" }, icon("back")),
      h("div.grow", name, id), badge.element, hang),
    h("div.scroll",
      h("div.card-body.stack", trouble, warnings,
        h("dl.facts", FACTS.map((fact) => h("div", h("dt", fact), places.get(fact)))),
        h("div.two",
          h("div", h("h3.section-title", "Latency of each turn, ms"), bars.element),
          h("div", h("h3.section-title", "Tools"), tools, noTools))),
      said.element));

  return {
    element,
    tell(text) {
      setText(trouble, text);
      trouble.hidden = !text;
    },
    update(live) {
      if (shown?.id !== live.id) this.tell("");
      shown = live;
      setText(name, nameOf(live));
      setText(id, live.uuid);
      setAttribute(id, "title", live.uuid);
      badge.update(live);
      hang.disabled = live.state === "over" || live.state === "ending";
      const values = {
        Duration: clock(live.age_s), Turns: count(live.turns), "Barge-ins": count(live.barge_ins),
        "Last wait": ms(live.last_latency_ms), "Worst wait": ms(live.worst_latency_ms),
        Tokens: count(live.tokens), "Cost so far": usd(live.cost_usd), Model: live.model || "–",
      };
      for (const [fact, place] of places) setText(place, values[fact]);
      bars.update(live.latencies ?? []);
      showTools(live);
      const told = (live.warnings ?? []).slice(-3).map((each) => ({ ...each, key: `${each.at_s} ${each.text}` }));
      keep(warnings, warningsKnown, told, (each) => each.key, warning);
      warnings.hidden = told.length === 0;
      said.update(live.transcript ?? []);
    },
  };

  function showTools(live) {
    const running = (live.tools_running ?? []).map((each, n) => ({ key: `r${n} ${each.name}`, text: `${each.name} runs`, look: "tool moving" }));
    const over = (live.tools ?? []).map((each, n) => ({
      key: `${each.at_s} ${n} ${each.name}`, text: `${each.name} ${ms(each.ms)}${each.outcome === "ok" ? "" : `, ${each.outcome}`}`,
      look: each.outcome === "ok" ? "" : "bad",
    }));
    const all = [...over.slice(-8), ...running];
    noTools.hidden = all.length > 0;
    keep(tools, toolsKnown, all, (each) => each.key, ran);
  }
}

function ran() {
  const text = h("span");
  const badge = h("span.badge", h("span.dot"), text);
  return {
    element: h("li", badge),
    update(each) {
      setAttribute(badge, "class", `badge ${each.look}`);
      setText(text, each.text);
      setAttribute(badge, "title", each.text);
    },
  };
}

function warning() {
  const text = h("span");
  return {
    element: h("li.notice.bad", icon("warning"), text),
    update(each) {
      setText(text, `${clock(each.at_s)}  ${each.text}`);
    },
  };
}
