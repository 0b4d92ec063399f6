// Plays a recording, and tells where it is; without one, only the place in the picture moves.

import { h, icon, setText } from "../dom.js";
import { moment } from "../format.js";

const SPEEDS = [1, 1.5, 2];

/** `moved(atS, isPlaying)` is told each moment; `zoom(times)` when the picture is to be wider. */
export function player({ told, src, moved, zoom }) {
  const sound = told.has_recording ? h("audio", { src, preload: "metadata" }) : null;
  const time = h("span.time", { role: "timer" });
  const trouble = h("span.small.slow-text", { role: "status" });
  const play = h("button.button.primary", { type: "button" }, icon("play"), "Play");
  const speed = h("select", { id: "speed", "aria-label": "Speed" }, SPEEDS.map((each) => h("option", { value: each }, `${each} ×`)));
  speed.style.width = "auto";
  const wider = h("input", { type: "range", id: "zoom", min: 0, max: 5, step: 0.25, value: 0, on: { input: () => zoom(2 ** Number(wider.value)) } });
  let frame = 0;
  let at = 0;

  function tell() {
    if (sound) at = sound.currentTime;
    setText(time, `${moment(at)} / ${moment(told.duration_s)}`);
    moved(at, Boolean(sound && !sound.paused));
  }

  function each() {
    tell();
    if (sound && !sound.paused) frame = requestAnimationFrame(each);
  }

  function show() {
    play.replaceChildren(icon(sound.paused ? "play" : "pause"), sound.paused ? "Play" : "Pause");
  }

  function toggle() {
    if (!sound.paused) sound.pause();
    else sound.play().catch((error) => setText(trouble, `The recording cannot be played: ${error.message}`));
  }

  function keys(event) {
    const isElsewhere = /^(INPUT|SELECT|TEXTAREA|BUTTON|A)$/.test(event.target.tagName);
    if (event.key !== " " || isElsewhere || !sound) return;
    event.preventDefault();
    toggle();
  }

  if (sound) {
    play.addEventListener("click", toggle);
    sound.addEventListener("play", () => { show(); each(); });
    sound.addEventListener("pause", () => { show(); tell(); });
    for (const event of ["seeked", "ended", "loadedmetadata"]) sound.addEventListener(event, tell);
    sound.addEventListener("error", () => setText(trouble, "The recording cannot be played."));
    speed.addEventListener("change", () => { sound.playbackRate = Number(speed.value); });
    document.addEventListener("keydown", keys);
  }
  setText(time, `${moment(0)} / ${moment(told.duration_s)}`);
  return {
    element: h("div.player", sound ? [play, speed] : h("span.small.muted", "No recording of this call is kept."), time, trouble, h("span.grow"), sound,
      h("label", { for: "zoom" }, "Zoom", wider)),
    seek(second) {
      at = second;
      if (sound) sound.currentTime = second;
      tell();
    },
    tell: (text) => setText(trouble, text),
    close() {
      cancelAnimationFrame(frame);
      document.removeEventListener("keydown", keys);
      sound?.pause();
      sound?.removeAttribute("src");
    },
  };
}
