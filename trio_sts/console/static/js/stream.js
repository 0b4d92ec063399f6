// Server-sent events that come back by themselves, and say when they are away.

import { about } from "./api.js";

const RETRY_MS = 2000;
// The service says something every 5 s at least.
const SILENT_MS = 12_000;

/**
 * Follow a stream until `close()`.
 * `told(data)` gets each event's JSON; `state("live" | "lost")` when that changes.
 */
export function follow(path, event, told, state) {
  let source = null;
  let timer = 0;
  let isClosed = false;

  function watch() {
    clearTimeout(timer);
    timer = setTimeout(lost, SILENT_MS);
  }

  function open() {
    source = new EventSource(path);
    source.addEventListener("open", watch);
    source.addEventListener(event, (message) => {
      watch();
      state("live");
      told(JSON.parse(message.data));
    });
    source.addEventListener("error", lost);
    watch();
  }

  function lost() {
    clearTimeout(timer);
    source.close();
    if (isClosed) return;
    state("lost");
    timer = setTimeout(again, RETRY_MS);
  }

  async function again() {
    try {
      // It may have been started anew, or the session may be over.
      await about();
      if (!isClosed) open();
    } catch {
      if (!isClosed) timer = setTimeout(again, RETRY_MS);
    }
  }

  open();
  return {
    close() {
      isClosed = true;
      clearTimeout(timer);
      source.close();
    },
  };
}
