// Elements are made here and nowhere else. Text goes in as text: no function takes markup.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element: `h("p.note", {id: "x"}, "text", child)`.
 * Attributes: `on` holds listeners by event; a value of false, null or undefined is left out.
 */
export function h(selector, ...rest) {
  return fill(document.createElement(tagOf(selector)), selector, rest);
}

/** The same for drawings. */
export function s(selector, ...rest) {
  return fill(document.createElementNS(SVG, tagOf(selector)), selector, rest);
}

function tagOf(selector) {
  return selector.split(".", 1)[0];
}

function fill(element, selector, rest) {
  const classes = selector.split(".").slice(1);
  if (classes.length) element.setAttribute("class", classes.join(" "));
  const isChild = rest[0] === null || typeof rest[0] !== "object" || rest[0] instanceof Node || Array.isArray(rest[0]);
  const attributes = rest.length && !isChild ? rest.shift() : {};
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...rest.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Write a text, and touch the page only if it has changed. */
export function setText(element, text) {
  const wanted = String(text);
  if (element.textContent !== wanted) element.textContent = wanted;
}

/** Set an attribute, and touch the page only if it has changed; null removes it. */
export function setAttribute(element, name, value) {
  if (value === null) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else if (element.getAttribute(name) !== String(value)) {
    element.setAttribute(name, String(value));
  }
}

/**
 * Bring the children of `parent` into the order of `items`, keeping those that are there.
 * `make(item)` gives `{element, update(item)}`; `known` is a Map that belongs to the parent.
 */
export function keep(parent, known, items, key, make) {
  const wanted = new Set(items.map(key));
  for (const [name, part] of known) {
    if (!wanted.has(name)) {
      part.element.remove();
      known.delete(name);
    }
  }
  let place = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    let part = known.get(name);
    if (!part) known.set(name, (part = make(item)));
    part.update(item);
    if (part.element === place) place = place.nextElementSibling;
    else parent.insertBefore(part.element, place);
  }
}

/** An icon of the sprite, beside a text that says the same. */
export function icon(name) {
  const use = s("use");
  use.setAttribute("href", `/static/icons.svg#${name}`);
  return s("svg.icon", { "aria-hidden": "true", focusable: "false" }, use);
}

/** What stands where there is nothing to show: what it means, and what to do. */
export function emptyState(title, ...lines) {
  return h("div.empty", h("p.empty-title", title), lines.map((line) => h("p", line)));
}

/** A sentence whose `quoted` parts are settings or commands: text and elements. */
export function sentence(text) {
  return text.split("`").map((part, n) => (n % 2 ? code(part) : part));
}

/** A setting or a command, as it is typed. */
export function code(text) {
  return h("code", text);
}
