// The frame: which page is open, what the service says of itself, and whether it answers.

import { about, post, signIn, Unreachable } from "./api.js";
import { setAttribute, setText, icon } from "./dom.js";
import { chosen, choose, next } from "./theme.js";
import * as call from "./pages/call.js";
import * as calls from "./pages/calls.js";
import * as now from "./pages/now.js";
import * as settings from "./pages/settings.js";
import * as talk from "./pages/talk.js";
import * as tools from "./pages/tools.js";

const PAGES = { now, calls, call, talk, tools, settings };
const RETRY_MS = 2000;
const main = document.getElementById("main");
const lost = document.getElementById("lost");

let close = () => {};
let openings = 0;
let retry = 0;

/** `#/call/<id>?x=y` as a page, what it is about, and a query. */
function place() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?", 2);
  const [name, ...rest] = path.split("/");
  const id = rest.join("/");
  let subject = id;
  try {
    subject = decodeURIComponent(id);
  } catch {
    // Somebody typed a stray percent sign: then it is as they typed it.
  }
  return { name: Object.hasOwn(PAGES, name) ? name : "now", subject, query: new URLSearchParams(query) };
}

/** Pages get this; each gives back what closes it. */
const frame = {
  service: null,
  /** Say that the service is away, or that it is back. */
  reachable(isReachable) {
    setText(lost, isReachable ? "" : "The service does not answer. Trying again…");
    lost.hidden = isReachable;
  },
  title(text) {
    document.title = `${text} · trio-sts`;
  },
};

async function open(isFirst = false) {
  openings += 1;
  const mine = openings;
  clearTimeout(retry);
  close();
  close = () => {};
  const { name, subject, query } = place();
  for (const link of document.querySelectorAll("#nav a")) {
    const isHere = link.getAttribute("href") === `#/${name === "call" ? "calls" : name}`;
    setAttribute(link, "aria-current", isHere ? "page" : null);
  }
  main.replaceChildren();
  const closing = [];
  close = () => closing.forEach((each) => each());
  try {
    frame.service ??= await about();
    if (mine !== openings) return;
    show(frame.service);
    frame.reachable(true);
    closing.push(PAGES[name].open(main, frame, subject, query));
    if (!isFirst) {
      scrollTo(0, 0);
      main.focus({ preventScroll: true });
    }
  } catch (error) {
    if (mine !== openings) return;
    if (!(error instanceof Unreachable)) throw error;
    frame.reachable(false);
    retry = setTimeout(() => open(isFirst), RETRY_MS);
  }
}

function show(service) {
  const from = service.embedded ? "built-in model" : service.model;
  setText(document.getElementById("served"), `${from} · ${service.host} · ${service.version}`);
  document.getElementById("leave").hidden = !service.signed_in;
}

function showTheme() {
  const button = document.getElementById("theme");
  const theme = chosen();
  button.replaceChildren(icon(theme));
  const label = { system: "Colours: as the system", light: "Colours: light", dark: "Colours: dark" }[theme];
  button.setAttribute("aria-label", label);
  button.title = label;
}

document.getElementById("theme").addEventListener("click", () => {
  choose(next(chosen()));
  showTheme();
});
document.getElementById("leave").addEventListener("click", async () => {
  await post("/logout");
  signIn();
});
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener("hashchange", () => open());
showTheme();
open(true);
