// The browser as a caller: AVR Core's messages on a WebSocket, with this machine's sound.

import { decode, encode } from "./base64.js";
import { openSound } from "./sound.js";
import { TurnClock } from "./turn-clock.js";

const SILENCE = encode(new Uint8Array(320));
// A network that takes no more than this is behind; frames are then left out.
const MOST_WAITING = 64 * 1024;

/**
 * Call a service. `told` has: `open()`, `live(live)`, `transcript(role, text)`, `wait(ms)`,
 * `error(message)`, `over(code, reason)`, `level(caller)`.
 * Throws NoMicrophone if there is none.
 */
export async function call(url, told) {
  const clock = new TurnClock();
  let isMuted = false;
  let socket = null;

  const sound = await openSound((pcm, level) => {
    told.level(isMuted ? 0 : level);
    if (!isMuted) clock.heard(level, performance.now());
    if (socket?.readyState === WebSocket.OPEN && socket.bufferedAmount < MOST_WAITING) {
      send({ type: "audio", audio: isMuted ? SILENCE : encode(pcm) });
    }
  });
  socket = new WebSocket(url);
  socket.addEventListener("open", () => {
    send({ type: "init", uuid: crypto.randomUUID() });
    told.open();
  });
  socket.addEventListener("message", ({ data }) => took(JSON.parse(data)));
  socket.addEventListener("close", async ({ code, reason }) => {
    await sound.close();
    told.over(code, reason);
  });

  function send(message) {
    socket.send(JSON.stringify(message));
  }

  function took(message) {
    if (message.type === "audio") {
      const wait = clock.answered(performance.now());
      if (wait !== null) told.wait(wait);
      sound.play(decode(message.audio));
    } else if (message.type === "interruption") sound.cut();
    else if (message.type === "transcript") told.transcript(message.role, message.text);
    else if (message.type === "error") told.error(message.message);
    else if (message.type === "console.live") told.live(message);
  }

  return {
    press(digit) {
      if (socket.readyState !== WebSocket.OPEN) return;
      clock.pressed(performance.now());
      send({ type: "dtmf_digit", digit });
    },
    mute(wanted) {
      isMuted = wanted;
    },
    level: () => sound.level(),
    hangUp() {
      sound.cut();
      socket.close(1000, "hung up");
    },
  };
}
