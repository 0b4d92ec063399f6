// The console's own API: one place that fetches, and that notices an expired session.

let csrf = "";

/** Something the service said no to, in its own plain words. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The service does not answer at all. */
export class Unreachable extends Error {}

/** What the service tells of itself; it brings the token for everything that changes something. */
export async function about() {
  const told = await getJson("/api/about");
  csrf = told.csrf ?? "";
  return told;
}

export async function getJson(path, query = {}) {
  return (await ask("GET", path + toQuery(query))).json();
}

export async function post(path, body) {
  const answer = await ask("POST", path, body);
  return answer.status === 204 ? null : answer.json();
}

/** Back to the page for signing in; the page to come back to stays in the address. */
export function signIn() {
  location.assign(`/login${location.hash}`);
}

export function toQuery(fields) {
  const kept = Object.entries(fields).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return kept.length ? `?${new URLSearchParams(kept)}` : "";
}

async function ask(method, path, body) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRF-Token"] = csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Unreachable("The service does not answer.");
  }
  if (answer.status === 401) {
    signIn();
    throw new Refused(401, "You are signed out.");
  }
  if (!answer.ok) throw new Refused(answer.status, await reason(answer));
  return answer;
}

async function reason(answer) {
  try {
    return (await answer.json()).error ?? `The service answered ${answer.status}.`;
  } catch {
    return `The service answered ${answer.status}.`;
  }
}
