// What happened in a call, as a list that follows the cursor.

import { h, setAttribute } from "../dom.js";
import { moment } from "../format.js";
import { currentIndex } from "../timeline-layout.js";

const LANES = { caller: "Caller", agent: "Agent", model: "Model", tool: "Tool", silence: "Silence", note: "Note", call: "Call" };

/** `entries` as in the timeline; `seek(atS)` when one is chosen. */
export function moments(entries, seek) {
  const sorted = [...entries].sort((a, b) => a.at_s - b.at_s);
  const buttons = sorted.map((each) => h("button", { type: "button", class: each.lane, on: { click: () => seek(each.at_s) } },
    h("span.at", moment(each.at_s)), h("span.lane", LANES[each.lane] ?? each.lane), h("span", each.text)));
  const element = h("ol.moments.scroll-list", { "aria-label": "What happened" }, buttons.map((button) => h("li", button)));
  let shown = -1;
  return {
    element,
    go(second) {
      const index = currentIndex(sorted, second);
      if (index === shown) return;
      if (buttons[shown]) setAttribute(buttons[shown], "aria-current", null);
      shown = index;
      const button = buttons[index];
      if (!button) return;
      setAttribute(button, "aria-current", "true");
      const above = button.offsetTop < element.scrollTop;
      const below = button.offsetTop + button.offsetHeight > element.scrollTop + element.clientHeight;
      if (above || below) element.scrollTop = button.offsetTop - element.clientHeight / 3;
    },
  };
}
