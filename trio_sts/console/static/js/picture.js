// A call as a picture: both voices on one time axis, and what happened beside them.

import { h } from "./dom.js";
import { clock, moment, ms } from "./format.js";
import { loudest, rows, stepFor, ticks, waitsBetween } from "./timeline-layout.js";

const AXIS = 26;
const VOICE = 68;
const GAP = 8;
const TOOL_ROW = 22;
const NOTES = 26;
const SHORT_S = 2;

/**
 * Takes `{duration_s, timeline, spans}` of a call and, later, its peaks.
 * `seek(atS)` is called when the reader points at a moment.
 */
export function picture({ call, seek }) {
  const timeline = call.timeline ?? [];
  const duration = Math.max(call.duration_s, 0.1);
  const tools = timeline.filter((each) => each.lane === "tool" && each.until_s !== null && each.until_s !== undefined);
  const toolRows = rows(tools, duration);
  const silences = timeline.filter((each) => each.lane === "silence");
  const notes = timeline.filter((each) => ["note", "model"].includes(each.lane));
  const bargeIns = timeline.filter((each) => each.kind === "barge-in");
  const waits = waitsBetween(call.spans.caller, call.spans.agent);
  const top = { caller: AXIS, agent: AXIS + VOICE + GAP, tool: AXIS + 2 * (VOICE + GAP) };
  top.note = top.tool + Math.max(1, ...toolRows.map((row) => row + 1)) * TOOL_ROW + GAP;
  const height = top.note + NOTES;
  let peaks = null;
  let zoom = 1;
  let at = 0;

  const canvas = h("canvas", { "aria-hidden": "true" });
  const cursor = h("div.cursor");
  const area = h("div.lane-area", {
    tabindex: "0", role: "slider", "aria-label": "Moment of the call", "aria-valuemin": 0,
    "aria-valuemax": Math.round(duration), "aria-valuenow": 0, "aria-valuetext": moment(0),
  }, canvas, cursor);
  const scroll = h("div.lane-scroll", area);
  const read = h("output.lane-read", "Point at the picture to read it, click to go there.");
  const names = h("div.lane-names", { "aria-hidden": "true" }, [["caller", "Caller", top.caller + VOICE / 2 - 9], ["agent", "Agent", top.agent + VOICE / 2 - 9],
    ["tool", "Tools", top.tool + 2], ["note", "Notes", top.note + 4]].map(([look, text, y]) => {
    const name = h(`span.${look}`, text);
    name.style.top = `${y}px`;
    return name;
  }));
  names.style.height = `${height}px`;
  area.style.height = `${height}px`;
  canvas.style.height = `${height}px`;

  const scale = () => (Math.max(1, scroll.clientWidth) * zoom) / duration;
  const momentAt = (event) => (event.clientX - area.getBoundingClientRect().left) / scale();

  function draw() {
    const wide = scroll.clientWidth;
    if (!wide) return;
    area.style.width = `${wide * zoom}px`;
    const ratio = devicePixelRatio || 1;
    canvas.style.width = `${wide}px`;
    canvas.width = wide * ratio;
    canvas.height = height * ratio;
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    paint(pen, wide);
    moveCursor();
  }

  function paint(pen, wide) {
    const colour = colours();
    const perSecond = scale();
    const from = scroll.scrollLeft / perSecond;
    const until = from + wide / perSecond;
    const x = (seconds) => (seconds - from) * perSecond;
    const block = (fromS, untilS, y, tall, least = 1.5) => pen.fillRect(x(fromS), y, Math.max(least, (untilS - fromS) * perSecond), tall);
    pen.clearRect(0, 0, wide, height);
    pen.font = `11px ${colour.font}`;
    pen.textBaseline = "middle";
    const step = stepFor(perSecond);
    for (const second of ticks(from, until, step)) {
      pen.fillStyle = colour.line;
      pen.fillRect(Math.round(x(second)), AXIS - 6, 1, height);
      pen.fillStyle = colour.ink3;
      pen.fillText(step < 1 ? moment(second) : clock(second), Math.round(x(second)) + 4, 12);
    }
    pen.fillStyle = colour.silence;
    for (const each of silences) block(each.at_s, each.until_s ?? each.at_s, top.agent, VOICE);
    voice(pen, call.spans.caller, peaks?.caller, top.caller, colour.caller, colour.callerSoft, x, from, until, perSecond);
    voice(pen, call.spans.agent, peaks?.agent, top.agent, colour.agent, colour.agentSoft, x, from, until, perSecond);
    for (const [stopped, answered] of waits) wait(pen, stopped, answered, colour, x);
    pen.fillStyle = colour.bad;
    for (const each of bargeIns) pen.fillRect(x(each.at_s) - 1, AXIS, 2, 2 * VOICE + GAP);
    for (const [index, each] of tools.entries()) {
      const y = top.tool + toolRows[index] * TOOL_ROW;
      pen.fillStyle = colour.toolSoft;
      block(each.at_s, each.until_s, y, TOOL_ROW - 4, 3);
      pen.fillStyle = colour.tool;
      pen.fillRect(x(each.at_s), y, 2, TOOL_ROW - 4);
      pen.fillText(shorten(pen, each.text, 220), x(each.at_s) + 6, y + TOOL_ROW / 2 - 1);
    }
    for (const each of notes) {
      pen.fillStyle = each.lane === "model" ? colour.ink3 : colour.accent;
      pen.fillRect(x(each.at_s), top.note + 5, 2, 12);
    }
  }

  function voice(pen, spans, loud, y, colour, soft, x, from, until, perSecond) {
    for (const [begin, end] of spans) {
      pen.fillStyle = soft;
      pen.beginPath();
      pen.roundRect(x(begin), y, Math.max(2, (end - begin) * perSecond), VOICE, 4);
      pen.fill();
    }
    pen.fillStyle = colour;
    if (!loud) {
      for (const [begin, end] of spans) pen.fillRect(x(begin), y + VOICE / 2 - 3, Math.max(2, (end - begin) * perSecond), 6);
      return;
    }
    const total = peaks.duration_s ?? duration;
    for (let column = 0; column < (until - from) * perSecond; column += 2) {
      const second = from + column / perSecond;
      // Quiet speech is to be seen as well: not in proportion.
      const tall = Math.max(1, loudest(loud, total, second, second + 2 / perSecond) ** 0.6 * (VOICE - 6));
      pen.fillRect(column, y + (VOICE - tall) / 2, 1.5, tall);
    }
  }

  function wait(pen, stopped, answered, colour, x) {
    const isSlow = answered - stopped > SHORT_S;
    const y = AXIS + VOICE + GAP / 2;
    pen.fillStyle = isSlow ? colour.bad : colour.good;
    pen.fillRect(x(stopped), y - 1, x(answered) - x(stopped), 2);
    pen.fillRect(x(stopped) - 0.5, y - 4, 1.5, 8);
    pen.fillRect(x(answered) - 0.5, y - 4, 1.5, 8);
    const text = ms((answered - stopped) * 1000);
    if (x(answered) - x(stopped) > pen.measureText(text).width + 10) {
      pen.fillText(text, (x(stopped) + x(answered) - pen.measureText(text).width) / 2, y - 11);
    }
  }

  function moveCursor() {
    cursor.style.transform = `translateX(${at * scale()}px)`;
  }

  function describe(second) {
    const inside = ([from, until]) => from <= second && second <= until;
    const agent = call.spans.agent.find(inside);
    const parts = [moment(second)];
    if (call.spans.caller.some(inside)) parts.push("the caller speaks");
    if (agent) parts.push(agent[2] ? `the agent: ${agent[2]}` : "the agent speaks");
    for (const each of tools) if (inside([each.at_s, each.until_s])) parts.push(each.text);
    for (const each of silences) if (inside([each.at_s, each.until_s ?? each.at_s])) parts.push(each.text);
    const near = [...bargeIns, ...notes].filter((each) => Math.abs(each.at_s - second) * scale() < 5);
    return [...parts, ...near.slice(0, 2).map((each) => each.text)].join(" · ");
  }

  area.addEventListener("pointermove", (event) => { read.textContent = describe(Math.max(0, momentAt(event))); });
  area.addEventListener("click", (event) => seek(Math.max(0, Math.min(duration, momentAt(event)))));
  area.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: 10, PageDown: -10, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    seek(Math.max(0, Math.min(duration, at + step)));
  });
  scroll.addEventListener("scroll", draw);
  document.addEventListener("themechange", draw);
  const observer = new ResizeObserver(draw);
  observer.observe(scroll);

  return {
    element: h("div", h("div.lanes", names, scroll), read),
    /** Waveforms for both voices: `{caller, agent, duration_s}`. */
    hear(loud) {
      peaks = loud;
      draw();
    },
    /** Move the cursor, and keep it in view while it plays. */
    go(second, isPlaying) {
      at = second;
      const place = at * scale();
      if (place < scroll.scrollLeft || place > scroll.scrollLeft + scroll.clientWidth * (isPlaying ? 0.92 : 1)) {
        scroll.scrollLeft = place - scroll.clientWidth * 0.1;
      }
      moveCursor();
      area.setAttribute("aria-valuenow", Math.round(at));
      area.setAttribute("aria-valuetext", moment(at));
    },
    zoom(times) {
      zoom = times;
      area.style.width = `${scroll.clientWidth * zoom}px`;
      scroll.scrollLeft = at * scale() - scroll.clientWidth / 2;
      draw();
    },
    close() {
      observer.disconnect();
      document.removeEventListener("themechange", draw);
    },
  };
}

function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  return {
    line: of("--line"), ink3: of("--ink-3"), caller: of("--caller"), callerSoft: of("--caller-soft"), agent: of("--agent"),
    agentSoft: of("--agent-soft"), tool: of("--tool"), toolSoft: of("--tool-soft"), bad: of("--bad"), good: of("--good"),
    accent: of("--accent"), silence: of("--silence"), font: of("--font"),
  };
}

function shorten(pen, text, most) {
  if (pen.measureText(text).width <= most) return text;
  let end = Math.min(text.length, 60);
  while (end > 1 && pen.measureText(`${text.slice(0, end)}…`).width > most) end -= 1;
  return `${text.slice(0, end)}…`;
}
