// A call under way in words: who it is, and what is going on in it.

import { h, setAttribute, setText } from "./dom.js";

/** Who called whom, or the call's id where nobody says. */
export function nameOf(call) {
  if (call.caller && call.called) return `${call.caller} → ${call.called}`;
  return call.caller || call.called || call.uuid || call.id;
}

/** What is going on: `{text, look, isMoving}`. */
export function stateOf(live) {
  if (live.state === "over") return { text: `Over: ${live.outcome ?? "ended"}`, look: "" };
  if (live.state === "ending") return { text: "Ending", look: "" };
  if (live.state === "connecting") return { text: "Connecting", look: "", isMoving: true };
  if (live.speaking === "both") return { text: "Both speak", look: "caller", isMoving: true };
  if (live.speaking === "caller") return { text: "Caller speaks", look: "caller", isMoving: true };
  if (live.tools_running?.length) return { text: `Tool: ${live.tools_running[0].name}`, look: "tool", isMoving: true };
  if (live.speaking === "agent") return { text: "Agent speaks", look: "agent", isMoving: true };
  if (live.thinking) return { text: "Thinking", look: "agent", isMoving: true };
  return { text: "Nobody speaks", look: "" };
}

/** A badge with the state of a call. */
export function stateBadge() {
  const text = h("span");
  const element = h("span.badge", h("span.dot"), text);
  return {
    element,
    update(live) {
      const state = stateOf(live);
      setAttribute(element, "class", ["badge", state.look, state.isMoving ? "moving" : ""].filter(Boolean).join(" "));
      setText(text, state.text);
    },
  };
}
