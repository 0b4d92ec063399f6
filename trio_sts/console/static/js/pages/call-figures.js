// The figures of one call: its facts, waits, tokens and tools.

import { h } from "../dom.js";
import { facts } from "../figures.js";
import { clock, count, dayTime, ms, usd } from "../format.js";

const VERDICTS = {
  same: "comes out the same", differs: "comes out differently with this version", "cut short": "cut short: the service was stopped in mid-call",
};
const TOKENS = {
  input_audio: "Input, audio", input_text: "Input, text", cached_audio: "Cached, audio", cached_text: "Cached, text",
  output_audio: "Output, audio", output_text: "Output, text", transcription_input: "Transcription, input", transcription_output: "Transcription, output",
};

export function figuresOf({ call, verdict }) {
  const waits = Object.entries({ Greeting: call.greeting, Turn: call.turn, "Turn with a tool": call.tool }).filter(([, wait]) => wait?.count);
  return h("div.call-grid",
    h("section.card", h("div.card-head", h("h2", "The call")), h("div.card-body", facts([
      ["Begun", dayTime(call.begun_at)], ["Duration", clock(call.duration_s)], ["Close code", call.close_code], ["Model", call.model],
      ["Turns", count(call.turns)], ["Barge-ins", count(call.barge_ins)], ["Keys", count(call.keys)], ["Tool calls", count(call.tool_calls)],
      ["Cost", usd(costOf(call))], ["Asked again", count(call.nudges)], ["Reconnects", count(call.reconnects)], ["Renewals", count(call.renewals)],
      ["Audio dropped", ms(call.dropped_audio_ms)], ["Host", call.host], ["Version", call.version], ["Replay", VERDICTS[verdict]],
    ]))),
    h("div.stack",
      waits.length ? h("section.card", h("div.card-head", h("h2", "Waits")), table(["Kind", "Count", "Median", "Worst"],
        waits.map(([name, wait]) => [name, count(wait.count), ms(wait.median_ms), ms(wait.worst_ms)]))) : null,
      call.tools?.length ? h("section.card", h("div.card-head", h("h2", "Tools")), table(["Tool", "Took", "Outcome"],
        call.tools.slice(0, 100).map((run) => [run.name, ms(run.duration_ms), run.outcome]))) : null,
      call.tokens ? h("section.card", h("div.card-head", h("h2", "Tokens")), h("div.card-body", facts(
        Object.entries(TOKENS).filter(([key]) => call.tokens[key]).map(([key, name]) => [name, count(call.tokens[key])])))) : null));
}

function costOf(call) {
  const cost = call.cost_usd ?? call.cost;
  return cost !== null && typeof cost === "object" ? cost.usd : cost;
}

function table(names, lines) {
  return h("div.table-wrap", h("table",
    h("thead", h("tr", names.map((name, n) => h(n ? "th.number" : "th", name)))),
    h("tbody", lines.map((line) => h("tr", line.map((text, n) => h(n ? "td.number" : "td", text)))))));
}
