// A question before something that cannot be taken back.

import { h } from "./dom.js";

/** Ask; true if it is to be done. */
export function confirm(title, text, action) {
  const yes = h("button.button.danger", { type: "submit", value: "yes" }, action);
  const no = h("button.button", { type: "submit", value: "no", autofocus: true }, "Cancel");
  const dialog = h("dialog", { "aria-labelledby": "confirm-title" },
    h("form", { method: "dialog" },
      h("h2", { id: "confirm-title" }, title),
      h("p.muted", text),
      h("div.dialog-actions", no, yes)));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    }, { once: true });
  });
}
