// A strip of figures, each with its name.

import { h, setAttribute, setText } from "./dom.js";

/** `names` in their order; `update({name: text})`, `bad` names those that deserve a look. */
export function figures(label, names) {
  const places = new Map(names.map((name) => [name, h("dd", "–")]));
  const element = h("dl.figures", { "aria-label": label }, names.map((name) => h("div.figure", h("dt", name), places.get(name))));
  return {
    element,
    update(values, bad = []) {
      for (const [name, place] of places) {
        setText(place, values[name] ?? "–");
        setAttribute(place.parentElement, "class", bad.includes(name) ? "figure bad" : "figure");
      }
    },
  };
}

/** Facts about one thing: names and values. */
export function facts(entries) {
  return h("dl.facts", entries.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => h("div", h("dt", name), h("dd", value))));
}
