// Figures, charts, outcomes and tools of the calls that are over.

import { h } from "../dom.js";
import { figures } from "../figures.js";
import { timeChart } from "../charts.js";
import { count, ms, plural, usd } from "../format.js";

const FIGURES = ["Calls", "Failed", "Median wait", "p95 wait", "Minutes", "Cost"];

/**
 * Everything around the table; `pick(outcome)` is called when an outcome is chosen.
 * There are charts from the start, or never: what arrives moves nothing.
 */
export function overview(service, pick) {
  const strip = figures("All calls of this time", FIGURES);
  const callsChart = timeChart({
    title: "Calls", kind: "bars", format: count, isWhole: true,
    series: [{ name: "ended well", look: 1, value: (each) => each.calls - each.failed }, { name: "failed", look: 2, value: (each) => each.failed }],
  });
  const waitsChart = timeChart({
    title: "Wait for an answer", kind: "lines", format: ms,
    series: [
      { name: "median", look: 1, value: (each) => each.median_ms || null },
      { name: "p95", look: 3, value: (each) => each.p95_ms || null },
      { name: "worst", look: 2, value: (each) => each.worst_ms || null },
    ],
  });
  const costChart = timeChart({ title: "Cost", kind: "bars", format: usd, series: [{ name: "cost", look: 1, value: (each) => each.cost_usd }] });
  const charts = h("section.card.charts", { "aria-label": "Charts", tabindex: "0", hidden: !(service.store || service.call_files) }, callsChart.element, waitsChart.element, costChart.element);
  const outcomes = h("datalist", { id: "outcomes" });
  const outcomeBars = h("div.bars");
  const toolRows = h("tbody");
  const outcomeCard = h("section.card", { hidden: true }, h("div.card-head", h("h2", "Outcomes")), outcomeBars);
  const toolCard = h("section.card", { hidden: true }, h("div.card-head", h("h2", "Tools")),
    h("div.table-wrap", h("table", h("thead", h("tr", h("th", "Tool"), h("th.number", "Runs"), h("th.number", "Median"), h("th.number", "Worst"))), toolRows)));
  return {
    figures: strip.element, charts, outcomes, side: h("div.side", outcomeCard, toolCard),
    update(stats) {
      const totals = stats.totals ?? {};
      strip.update({
        Calls: count(totals.calls ?? 0), Failed: count(totals.failed ?? 0), "Median wait": ms(totals.median_ms),
        "p95 wait": ms(totals.p95_ms), Minutes: count(totals.minutes ?? 0), Cost: usd(totals.cost_usd),
      }, totals.failed > 0 ? ["Failed"] : []);
      for (const each of [callsChart, waitsChart, costChart]) each.update(stats.buckets);
      const counted = Object.entries(stats.outcomes).sort(([, a], [, b]) => b - a);
      const most = Math.max(1, ...counted.map(([, number]) => number));
      outcomeCard.hidden = counted.length === 0;
      outcomes.replaceChildren(...counted.map(([name]) => h("option", { value: name })));
      outcomeBars.replaceChildren(...counted.map(([name, number]) => h("button",
        { type: "button", title: `Show only: ${name}`, on: { click: () => pick(name) } },
        h("span", name), h("span", count(number)),
        h("meter", { min: 0, max: most, value: number, "aria-label": `${name}: ${plural(number, "call")}` }))));
      toolCard.hidden = stats.tools.length === 0;
      toolRows.replaceChildren(...stats.tools.map((each) => h("tr",
        h("td", h("span.mono", each.name), each.failed ? h("span.small.slow-text", ` ${count(each.failed)} failed`) : null),
        h("td.number", count(each.runs)), h("td.number", ms(each.median_ms)), h("td.number", ms(each.worst_ms)))));
    },
    close() {
      for (const each of [callsChart, waitsChart, costChart]) each.close();
    },
  };
}
