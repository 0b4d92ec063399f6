// A form for the arguments of a tool, made from its JSON schema.

import { h } from "./dom.js";

/** What was typed is no JSON, or no number; `field` has the input. */
export class BadField extends Error {
  constructor(field, message) {
    super(message);
    this.field = field;
  }
}

/** `{element, value()}`; `value` throws BadField. What is left empty and not required is left out. */
export function schemaForm(schema, prefix) {
  const required = new Set(Array.isArray(schema?.required) ? schema.required : []);
  const fields = Object.entries(schema?.properties ?? {}).map(([name, part], n) =>
    makeField(name, typeof part === "object" && part !== null ? part : {}, required.has(name), `${prefix}-${n}`));
  return {
    element: h("div.stack", fields.length ? fields.map((field) => field.element) : h("p.muted.small", "It takes no arguments.")),
    value() {
      const read = fields.map((field) => [field.name, field.value()]);
      return Object.fromEntries(read.filter(([, value]) => value !== undefined));
    },
  };
}

function makeField(name, part, isRequired, id) {
  const type = Array.isArray(part.type) ? part.type.find((each) => each !== "null") : part.type;
  const make = part.enum ? choice : type === "boolean" ? check : type === "integer" || type === "number" ? number : type === "string" ? text : json;
  const { input, value } = make(part, isRequired, type);
  input.id = id;
  const about = [part.description, make === json ? `JSON${type ? `: ${type}` : ""}` : null].filter(Boolean).join(" ");
  if (about) input.setAttribute("aria-describedby", `${id}-about`);
  const label = h("label", { for: id }, h("span.mono", name), isRequired ? " (required)" : null);
  const element = h("div.field", label, make === check ? h("div.check", input) : input, about ? h("span.hint", { id: `${id}-about` }, about) : null);
  return { name, element, value };
}

function text(part, isRequired) {
  const input = h("input", { type: "text", autocomplete: "off", required: isRequired, value: part.default ?? "", placeholder: part.examples?.[0] });
  return { input, value: () => (input.value === "" && !isRequired ? undefined : input.value) };
}

function number(part, isRequired, type) {
  const input = h("input", { type: "number", required: isRequired, min: part.minimum, max: part.maximum, step: type === "integer" ? 1 : "any", value: part.default ?? "" });
  return {
    input,
    value() {
      if (input.value === "") return undefined;
      return Number(input.value);
    },
  };
}

function check(part) {
  const input = h("input", { type: "checkbox", checked: part.default === true });
  return { input, value: () => input.checked };
}

function choice(part, isRequired) {
  const input = h("select", { required: isRequired }, isRequired ? null : h("option", { value: "" }, "(left out)"),
    part.enum.map((each, n) => h("option", { value: n + 1, selected: each === part.default }, String(each))));
  return { input, value: () => (input.value === "" ? undefined : part.enum[input.value - 1]) };
}

function json(part, isRequired) {
  const input = h("textarea", { spellcheck: "false", required: isRequired }, part.default === undefined ? "" : JSON.stringify(part.default));
  return {
    input,
    value() {
      if (input.value.trim() === "") return undefined;
      try {
        return JSON.parse(input.value);
      } catch (error) {
        throw new BadField(input, `This is no JSON: ${error.message}`);
      }
    },
  };
}
