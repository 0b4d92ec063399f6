// Tools: what the agent may call, each with a form to try it.

import { getJson, post } from "../api.js";
import { code, emptyState, h, icon, sentence, setAttribute } from "../dom.js";
import { ms } from "../format.js";
import { BadField, schemaForm } from "../schema-form.js";

export function open(main, frame) {
  frame.title("Tools");
  let isClosed = false;
  const problems = h("ul.notices");
  const list = h("ul.tool-list");
  const listCard = h("section.card.tool-list-card", { "aria-label": "All tools" }, list);
  const panel = h("section.card.tool-detail", { "aria-label": "The chosen tool" });
  const grid = h("div.tools", listCard, panel);
  const lead = h("p.lead", "Reading the tools…");
  grid.hidden = true;
  main.append(h("div.page-head", h("div", h("h1", "Tools"), lead)), problems, grid);

  function choose(tool, button, isByHand) {
    for (const each of list.querySelectorAll("button")) setAttribute(each, "aria-pressed", each === button);
    grid.classList.toggle("has-choice", isByHand);
    panel.replaceChildren(...shown(tool, () => {
      grid.classList.remove("has-choice");
      button.focus();
    }));
  }

  async function load() {
    try {
      const told = await getJson("/api/tools");
      if (isClosed) return;
      lead.textContent = "What the agent may call. A try runs the tool for real, outside any call.";
      problems.replaceChildren(...told.problems.map((text) => h("li.notice.bad", icon("warning"), h("span", sentence(text)))));
      problems.hidden = told.problems.length === 0;
      grid.hidden = false;
      if (!told.tools.length) {
        grid.replaceWith(h("section.card", emptyState("There are no tools", ["Put a file into the folder that ", code("TOOLS_DIR"), " names, and start the service anew."])));
        return;
      }
      const buttons = told.tools.map((tool) => {
        const button = h("button", { type: "button", "aria-pressed": "false" }, h("strong", tool.name), h("span", tool.description || "No description"));
        button.addEventListener("click", () => choose(tool, button, true));
        return button;
      });
      list.replaceChildren(...buttons.map((button) => h("li", button)));
      choose(told.tools[0], buttons[0], false);
    } catch (error) {
      if (!isClosed) main.append(h("section.card", emptyState("The tools cannot be read", error.message)));
    }
  }

  problems.hidden = true;
  load();
  return () => {
    isClosed = true;
  };
}

function shown(tool, leave) {
  const form = schemaForm(tool.parameters, "argument");
  const run = h("button.button.primary", { type: "submit" }, icon("play"), "Run it");
  const result = h("div.stack", { "aria-live": "polite" });

  async function submit(event) {
    event.preventDefault();
    let given;
    try {
      given = form.value();
    } catch (error) {
      if (!(error instanceof BadField)) throw error;
      result.replaceChildren(h("p.notice.bad", icon("warning"), h("span", error.message)));
      error.field.focus();
      return;
    }
    run.disabled = true;
    result.replaceChildren(h("p.muted.small", "It runs…"));
    try {
      const told = await post(`/api/tools/${encodeURIComponent(tool.name)}/run`, { arguments: given });
      result.replaceChildren(
        h("div", h("span", { class: told.ok ? "badge good" : "badge bad" }, told.ok ? "Answered" : "Failed"), " ", h("span.small.muted", `after ${ms(told.took_ms)}`)),
        h("pre.result", { tabindex: "0", role: "group", "aria-label": "Result" }, typeof told.output === "string" ? told.output : JSON.stringify(told.output, null, 2)));
    } catch (error) {
      result.replaceChildren(h("p.notice.bad", icon("warning"), h("span", error.message)));
    }
    run.disabled = false;
  }

  return [
    h("div.card-head",
      h("button.button.quiet.detail-close", { type: "button", "aria-label": "Back to the list", on: { click: leave } }, icon("back")),
      h("h2.grow.mono", tool.name), h("span.badge", tool.source)),
    h("div.card-body.stack",
      h("p", tool.description || "It has no description: the model cannot know when to call it."),
      h("form.tool-form", { on: { submit } }, form.element, h("div", run)),
      result,
      h("details", h("summary", "Schema of the arguments"), h("pre.result", { tabindex: "0", role: "group", "aria-label": "Schema" }, JSON.stringify(tool.parameters, null, 2))),
      h("p.small.muted", `It is given ${ms(tool.timeout_s * 1000)}; the model is told of a failure after that.`)),
  ];
}
