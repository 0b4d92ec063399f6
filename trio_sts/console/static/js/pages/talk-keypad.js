// The keys of a telephone: with the mouse, or typed.

import { h } from "../dom.js";

const KEYS = [..."123456789*0#"];
const TYPED = new Set([...KEYS, ..."ABCD"]);

/** `press(digit)` is called for each; while it is not enabled, none are. */
export function keypad(press) {
  let isEnabled = false;
  const buttons = KEYS.map((key) => h("button", { type: "button", on: { click: () => press(key) } }, key));

  function typed(event) {
    const isElsewhere = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (!isEnabled || isElsewhere || event.repeat || event.ctrlKey || event.metaKey || event.altKey || !TYPED.has(event.key)) return;
    event.preventDefault();
    press(event.key);
  }

  document.addEventListener("keydown", typed);
  return {
    element: h("div.keypad", { role: "group", "aria-label": "Keypad" }, buttons),
    enable(wanted) {
      isEnabled = wanted;
      for (const button of buttons) button.disabled = !wanted;
    },
    close: () => document.removeEventListener("keydown", typed),
  };
}
