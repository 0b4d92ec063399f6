// Calls: those that are over, with figures over time.

import { getJson } from "../api.js";
import { code, emptyState, h } from "../dom.js";
import { callRow } from "./calls-row.js";
import { overview } from "./calls-overview.js";

const PAGE = 50;
const SPANS = { "": "All time", 1: "Last 24 hours", 7: "Last 7 days", 30: "Last 30 days" };
const FIELDS = ["q", "days", "outcome", "min_s", "worst_ms"];
const TYPING_MS = 250;

export function open(main, frame, _, query) {
  frame.title("Calls");
  let isClosed = false;
  let wanted = 0;
  let typing = 0;
  const picture = overview(frame.service, (outcome) => {
    inputs.outcome.value = outcome;
    changed();
  });
  const inputs = {
    q: h("input", { type: "search", id: "q", placeholder: "Caller, called or id", autocomplete: "off", value: query.get("q") ?? "" }),
    days: select("days", Object.entries(SPANS), query.get("days") ?? ""),
    outcome: h("input", { id: "outcome", list: "outcomes", placeholder: "Any", autocomplete: "off", value: query.get("outcome") ?? "" }),
    min_s: h("input", { id: "min_s", type: "number", min: 0, inputmode: "numeric", placeholder: "Any", value: query.get("min_s") ?? "" }),
    worst_ms: h("input", { id: "worst_ms", type: "number", min: 0, step: 100, inputmode: "numeric", placeholder: "Any", value: query.get("worst_ms") ?? "" }),
  };
  const names = { q: "Search", days: "When", outcome: "Outcome", min_s: "Longer than, s", worst_ms: "Wait over, ms" };
  const form = h("form.filters", { role: "search", on: { submit: (event) => { event.preventDefault(); changed(); }, input: later } },
    FIELDS.map((name) => h("div.field", h("label", { for: name }, names[name]), inputs[name])), picture.outcomes);
  const body = h("tbody");
  const table = h("div.table-wrap", { tabindex: "-1" }, h("table.calls-table", h("thead", h("tr",
    h("th", "Call"), h("th", "Begun"), h("th.number", "Duration"), h("th", "Outcome"),
    h("th.number", "Turns"), h("th.number", "Worst wait"), h("th.number", "Cost"))), body));
  const more = h("div.more", { hidden: true }, h("button.button", { type: "button", on: { click: () => load(cursor) } }, "Show more"));
  const place = h("div");
  const card = h("section.card", { "aria-label": "Calls that are over" }, table, place, more);
  main.append(
    h("div.page-head", h("div", h("h1", "Calls"), h("p.lead", "Calls that are over, the newest first. ", h("span.keys-hint", h("kbd", "/"), " searches, ", h("kbd", "↑"), " ", h("kbd", "↓"), " move.")))),
    form, picture.figures, picture.charts, h("div.below", card, picture.side));
  let cursor = null;

  function filters() {
    const kept = Object.fromEntries(FIELDS.map((name) => [name, inputs[name].value.trim()]));
    const since = kept.days ? new Date(Date.now() - kept.days * 86_400_000).toISOString() : "";
    return { ...kept, days: "", since };
  }

  function later(event) {
    clearTimeout(typing);
    typing = setTimeout(changed, event.target.tagName === "SELECT" ? 0 : TYPING_MS);
  }

  function changed() {
    clearTimeout(typing);
    const kept = FIELDS.map((name) => [name, inputs[name].value.trim()]).filter(([, value]) => value);
    history.replaceState(null, "", `#/calls${kept.length ? `?${new URLSearchParams(kept)}` : ""}`);
    load(null);
  }

  async function load(before) {
    wanted += 1;
    const mine = wanted;
    const asked = filters();
    try {
      const [told, stats] = await Promise.all([
        getJson("/api/calls", { ...asked, limit: PAGE, before }),
        before ? null : getJson("/api/calls/stats", { since: asked.since }),
      ]);
      if (isClosed || mine !== wanted) return;
      const rows = told.calls.map(callRow);
      if (before) body.append(...rows);
      else body.replaceChildren(...rows);
      if (before) rows[0]?.querySelector("a").focus();
      cursor = told.next;
      more.hidden = !cursor;
      const isEmpty = !body.children.length;
      table.hidden = isEmpty;
      place.replaceChildren(isEmpty ? nothing(told.source, asked, frame.service) : "");
      if (stats) picture.update(stats);
    } catch (error) {
      if (isClosed || mine !== wanted) return;
      table.hidden = true;
      body.replaceChildren();
      place.replaceChildren(emptyState("The calls cannot be read", error.message));
    }
  }

  function keys(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isTyping = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "/" && !isTyping) {
      event.preventDefault();
      inputs.q.focus();
      return;
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || (isTyping && event.target !== inputs.q)) return;
    const links = [...body.querySelectorAll("a")];
    const here = links.indexOf(document.activeElement);
    const next = links[here < 0 ? (step > 0 ? 0 : -1) : here + step];
    if (next && (here >= 0 || event.target === inputs.q)) {
      event.preventDefault();
      next.focus();
    } else if (here === 0 && step < 0) {
      event.preventDefault();
      inputs.q.focus();
    }
  }

  document.addEventListener("keydown", keys);
  load(null);
  return () => {
    isClosed = true;
    clearTimeout(typing);
    document.removeEventListener("keydown", keys);
    picture.close();
  };
}

function nothing(source, asked, service) {
  if (source === "none") {
    return emptyState("No call is kept yet",
      ["Set ", code("STS_CALLS_DB"), " (a database, such as ", code("sqlite:////var/lib/trio-sts/calls.db"), ") to keep a row for each call,"],
      ["or ", code("STS_RECORD_DIR"), " (a folder) to keep all that happened in it; then start the service anew."]);
  }
  if (Object.values(asked).some(Boolean)) return emptyState("No call is like that", "Take a filter away, or look further back.");
  return emptyState("No call is over yet", "Hold one: open Talk, or in a terminal",
    code(`trio-sts call ws://127.0.0.1:${service.call_port} --say "what are your opening hours"`));
}

function select(id, choices, value) {
  const element = h("select", { id }, choices.map(([key, text]) => h("option", { value: key }, text)));
  element.value = value;
  return element;
}
