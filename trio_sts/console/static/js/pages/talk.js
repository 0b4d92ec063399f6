// Talk: call the agent from the browser, through the service as a telephone would.

import { toQuery } from "../api.js";
import { call } from "../audio/caller-leg.js";
import { h, icon, setText } from "../dom.js";
import { clock } from "../format.js";
import { stateOf } from "../live.js";
import { transcript } from "../transcript.js";
import { waits } from "../waits.js";
import { keypad } from "./talk-keypad.js";
import { level } from "./talk-level.js";

export function open(main, frame) {
  frame.title("Talk");
  let leg = null;
  let isClosed = false;
  let begun = 0;
  let timer = 0;
  let said = [];
  let latencies = [];
  let hasLive = false;

  const state = h("strong", "Ready");
  const time = h("span.talk-time", "Your microphone becomes the caller.");
  const caller = level("caller", "You");
  const agent = level("agent", "Agent");
  const start = h("button.button.primary.large.whole", { type: "button", on: { click: begin } }, icon("call"), "Call the agent");
  const mute = h("button.button.large", { type: "button", "aria-pressed": "false", hidden: true, on: { click: toggleMute } }, icon("talk"), h("span", "Mute"));
  const hang = h("button.button.large.hang", { type: "button", hidden: true, on: { click: () => leg?.hangUp() } }, icon("hang-up"), "Hang up");
  const keys = keypad((digit) => {
    leg?.press(digit);
    if (!hasLive) add("key", digit);
  });
  const url = h("input", { id: "service", type: "url", placeholder: `ws://127.0.0.1:${frame.service.call_port}`, pattern: "wss?://.+", autocomplete: "off", "aria-describedby": "service-hint" });
  const trouble = h("p.notice.bad", { role: "alert", hidden: true });
  const lines = transcript("Transcript of this call", { isLive: true, empty: "Call the agent, and say something such as “What are your opening hours?”" });
  const bars = waits();
  lines.update([]);
  bars.update([]);
  keys.enable(false);

  main.append(
    h("div.page-head", h("div", h("h1", "Talk"), h("p.lead", "A call like any other: it passes through the caller leg, and shows under Now and Calls."))),
    h("div.talk",
      h("section.card.talk-panel", { "aria-label": "Telephone" },
        h("div.talk-state", { role: "status" }, state), h("div.talk-state", time),
        h("div.meters", caller.element, agent.element), trouble,
        h("div.talk-actions", start, mute, hang), keys.element,
        h("details", h("summary", "Another service"), h("div.field", h("label", { for: "service" }, "Its address"), url,
          h("span.hint", { id: "service-hint" }, "Empty: this service. Others are those that STS_CONSOLE_SERVICES names, and those of this machine if the console is for it alone.")))),
      h("div.stack.talk-side",
        h("section.card", h("div.card-head", h("h2", "Latency of each turn, ms")), h("div.card-body", bars.element)),
        h("section.card", h("div.card-head", h("h2", "Transcript")), lines.element))));

  async function begin() {
    if (!url.reportValidity()) return;
    said = [];
    latencies = [];
    hasLive = false;
    tell("");
    setText(state, "Opening the microphone");
    start.disabled = true;
    lines.update(said);
    bars.update(latencies);
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    try {
      const opened = await call(`${scheme}//${location.host}/api/talk${toQuery({ url: url.value.trim() })}`, told);
      if (isClosed) opened.hangUp();
      else leg = opened;
    } catch (error) {
      if (isClosed) return;
      setText(state, "Ready");
      start.disabled = false;
      tell(error.message);
    }
  }

  const told = {
    open() {
      begun = performance.now();
      setText(state, "Connecting");
      running(true);
      timer = requestAnimationFrame(each);
    },
    live(live) {
      hasLive = true;
      setText(state, stateOf(live).text);
      lines.update(live.transcript ?? []);
      bars.update(live.latencies ?? []);
    },
    transcript(role, text) {
      if (!hasLive) add(role, text);
    },
    wait(ms) {
      if (hasLive) return;
      latencies = [...latencies, { kind: latencies.length ? "turn" : "greeting", ms, at_s: seconds() }].slice(-50);
      bars.update(latencies);
    },
    error: tell,
    level: (value) => caller.update(value),
    over(code, reason) {
      leg = null;
      cancelAnimationFrame(timer);
      if (isClosed) return;
      if (code !== 1000 && trouble.hidden) tell(reason || (begun ? `The line was lost (close code ${code}).` : "The service could not be reached."));
      setText(state, code === 1000 ? "The call is over" : "The call broke off");
      if (!begun) setText(time, "");
      begun = 0;
      running(false);
      caller.update(0);
      agent.update(0);
    },
  };

  function each() {
    setText(time, clock(seconds()));
    agent.update(leg ? leg.level() : 0);
    timer = requestAnimationFrame(each);
  }

  function seconds() {
    return (performance.now() - begun) / 1000;
  }

  function add(role, text) {
    said = [...said, { n: said.length, role, text, at_s: seconds(), final: true }].slice(-100);
    lines.update(said);
  }

  function running(isRunning) {
    start.hidden = isRunning;
    start.disabled = false;
    mute.hidden = hang.hidden = !isRunning;
    url.disabled = isRunning;
    keys.enable(isRunning);
    setMute(false);
    (isRunning ? hang : start).focus();
  }

  function setMute(isMuted) {
    mute.setAttribute("aria-pressed", isMuted);
    mute.replaceChildren(icon(isMuted ? "mute" : "talk"), isMuted ? "Unmute" : "Mute");
    leg?.mute(isMuted);
  }

  function toggleMute() {
    setMute(mute.getAttribute("aria-pressed") !== "true");
  }

  function tell(text) {
    setText(trouble, text);
    trouble.hidden = !text;
  }

  return () => {
    isClosed = true;
    cancelAnimationFrame(timer);
    keys.close();
    leg?.hangUp();
  };
}
