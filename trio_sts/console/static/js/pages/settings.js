// Settings: as the service understands them.

import { getJson } from "../api.js";
import { emptyState, h, icon, sentence } from "../dom.js";
import { plural } from "../format.js";

export function open(main, frame) {
  frame.title("Settings");
  let isClosed = false;
  let settings = [];
  const warnings = h("ul.notices", { "aria-label": "Warnings" });
  const search = h("input", { type: "search", id: "filter", placeholder: "Name, value or meaning", autocomplete: "off", on: { input: show } });
  const changed = h("input", { type: "checkbox", id: "changed", on: { change: show } });
  const count = h("p.small.muted", { role: "status" });
  const list = h("section.card", { "aria-label": "Settings" });
  const body = h("div", { hidden: true });
  main.append(
    h("div.page-head", h("div", h("h1", "Settings"), h("p.lead", "As the service understands them. Keys, tokens and prompts are never shown. A change needs a new start."))),
    body);
  body.append(warnings,
    h("div.settings-filter", h("div.field", h("label", { for: "filter" }, "Filter"), search),
      h("label.check", { for: "changed" }, changed, "Only those that are set"), count),
    list);

  function show() {
    const wanted = search.value.trim().toLowerCase();
    const found = settings.filter((each) => (!changed.checked || !each.default)
      && [each.name, each.value, each.about].some((text) => String(text ?? "").toLowerCase().includes(wanted)));
    count.textContent = `${plural(found.length, "setting")} of ${settings.length}`;
    list.replaceChildren(...(found.length ? found.map(line) : [emptyState("No setting is like that", "Take the filter away to see all.")]));
  }

  async function load() {
    try {
      const told = await getJson("/api/settings");
      if (isClosed) return;
      settings = told.settings;
      warnings.replaceChildren(...told.warnings.map((text) => h("li.notice", icon("warning"), h("span", sentence(text)))));
      warnings.hidden = told.warnings.length === 0;
      show();
      body.hidden = false;
    } catch (error) {
      if (!isClosed) main.append(emptyState("The settings cannot be read", error.message));
    }
  }

  load();
  return () => {
    isClosed = true;
  };
}

function line(each) {
  const value = each.value === null || each.value === undefined || each.value === "" ? "not set" : `${each.value}${each.unit && /\d$/.test(each.value) ? ` ${each.unit}` : ""}`;
  return h("div.setting",
    h("div", h("div.setting-name", each.name), h("div.tags", each.default ? h("span.badge", "default") : h("span.badge.good", each.source || "set"))),
    h("div", h("div.setting-value", value), each.about ? h("p.setting-about", sentence(each.about)) : null));
}
