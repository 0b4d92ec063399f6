// One call that is over: what was said and what happened, on one time axis, with its recording.

import { getJson } from "../api.js";
import { code, emptyState, h } from "../dom.js";
import { nameOf } from "../live.js";
import { picture } from "../picture.js";
import { transcript } from "../transcript.js";
import { figuresOf } from "./call-figures.js";
import { moments } from "./call-moments.js";
import { player } from "./call-player.js";

const PEAKS = 4000;

export function open(main, frame, id) {
  frame.title("One call");
  let isClosed = false;
  const closing = [];
  const path = `/api/calls/${encodeURIComponent(id)}`;
  const place = h("div", h("p.muted", "Reading the call…"));
  main.append(place);

  async function load() {
    try {
      const told = await getJson(path);
      if (!isClosed) show(told);
    } catch (error) {
      if (isClosed) return;
      place.replaceChildren(h("div.page-head", h("div", back(), h("h1", "One call"))),
        h("section.card", emptyState("This call cannot be shown", error.message)));
    }
  }

  function show(told) {
    const name = nameOf(told.call);
    frame.title(name);
    const head = h("div.page-head",
      h("div", back(), h("h1", name), name === told.call.uuid ? null : h("p.lead.mono", told.call.uuid)),
      h("div.page-actions", h("span", { class: told.call.failed ? "badge bad" : "badge" }, told.call.outcome)));
    place.replaceChildren(head, ...(told.timeline ? lanes(told) : [h("section.card.picture", unseen(told))]), figuresOf(told));
  }

  function lanes(told) {
    const list = moments(told.timeline, seek);
    const said = transcript("Transcript", { empty: "Nothing was said, or words are not kept (STS_RECORD_TEXT)." });
    said.update((told.transcript ?? []).map((each, n) => ({ n, ...each })));
    const view = picture({ call: told, seek });
    const controls = player({ told, src: `${path}/recording.wav`, moved, zoom: view.zoom });
    closing.push(view.close, controls.close);

    function seek(second) {
      controls.seek(second);
    }

    function moved(second, isPlaying) {
      view.go(second, isPlaying);
      list.go(second);
      const before = (told.transcript ?? []).filter((each) => each.at_s <= second + 0.05);
      said.mark(isPlaying && before.length ? (before.at(-1).n ?? before.length - 1) : null);
    }

    if (told.has_recording) {
      getJson(`${path}/peaks`, { n: PEAKS }).then((peaks) => {
        if (!isClosed) view.hear(peaks);
      }, (error) => controls.tell(error.message));
    }
    return [
      h("section.card.picture", { "aria-label": "Picture of the call" }, controls.element, view.element),
      h("div.call-grid.facts-row",
        h("section.card", h("div.card-head", h("h2", "What happened")), list.element),
        h("section.card", h("div.card-head", h("h2", "Transcript")), h("div.scroll-list", said.element))),
    ];
  }

  load();
  return () => {
    isClosed = true;
    for (const each of closing) each();
  };
}

function back() {
  return h("a.small", { href: "#/calls" }, "All calls");
}

function unseen(told) {
  return told.call.files?.call
    ? emptyState("The call file cannot be read", "It was moved or deleted, or another version wrote it.")
    : emptyState("Only the figures of this call are kept",
      ["Set ", code("STS_RECORD_DIR"), " to keep all that happens in a call, and ", code("STS_RECORD_AUDIO=on"), " to keep its sound."]);
}
