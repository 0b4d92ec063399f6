// What was said and done in a call, as a list that follows its end.

import { h, keep, setAttribute, setText } from "./dom.js";
import { clock, plural } from "./format.js";

const NAMES = { caller: "Caller", user: "Caller", agent: "Agent", tool: "Tool", key: "Key" };

/**
 * A list of utterances: `{n, role, text, at_s, final}`.
 * `update(said)` shows them; a reader who has scrolled up stays where they are.
 */
export function transcript(label, { isLive = false, empty = "Nothing has been said yet." } = {}) {
  const known = new Map();
  const list = h("ol.said-list");
  const element = h("div.transcript", { "aria-label": label, tabindex: "0", role: "log", "aria-live": isLive ? "polite" : "off" }, list);
  const nothing = h("li.muted.small", empty);
  return {
    element,
    update(said) {
      const isAtEnd = element.scrollHeight - element.scrollTop - element.clientHeight < 40;
      if (said.length) nothing.remove();
      else list.append(nothing);
      keep(list, known, said, (each) => each.n, line);
      if (isAtEnd) element.scrollTop = element.scrollHeight;
    },
    /** Mark the utterance with this number, and no other. */
    mark(n) {
      for (const [key, part] of known) part.element.classList.toggle("current", key === n);
    },
  };
}

function line() {
  const name = h("span");
  const at = h("span.at");
  const text = h("span.text");
  const element = h("li.said", h("span.who", name, at), text);
  return {
    element,
    update(said) {
      const role = said.role === "user" ? "caller" : said.role;
      const isOpen = said.final === false;
      setAttribute(element, "class", `said ${Object.hasOwn(NAMES, role) ? role : "note"}${isOpen ? " open" : ""}`);
      setText(name, Object.hasOwn(NAMES, role) ? NAMES[role] : role);
      setText(at, said.at_s === null || said.at_s === undefined ? "" : clock(said.at_s));
      setText(text, role === "key" ? keys(said.text) : isOpen ? `${said.text}…` : said.text);
    },
  };
}

// Which key it was is not told: only how many there were.
function keys(text) {
  return /^\*+$/.test(text) ? `${plural(text.length, "key")} pressed` : text;
}
