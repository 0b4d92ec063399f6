// How loud somebody is, as a bar.

import { h, setAttribute } from "../dom.js";

const FLOOR_DB = -50;

/** `update(level)`: root mean square from 0 to 1. */
export function level(look, name) {
  const bar = h("i");
  const meter = h(`div.level.${look}`, { role: "meter", "aria-label": `${name}: how loud`, "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": 0 }, bar);
  return {
    element: [h(`span.${look}`, name), meter],
    update(value) {
      const part = value > 0 ? Math.max(0, Math.min(1, 1 - (20 * Math.log10(value)) / FLOOR_DB)) : 0;
      bar.style.transform = `scaleX(${part.toFixed(3)})`;
      setAttribute(meter, "aria-valuenow", Math.round(part * 100));
    },
  };
}
