// A call through @openai/agents-realtime, over its WebSocket transport.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import {
  OpenAIRealtimeWebSocket,
  RealtimeAgent,
  RealtimeSession,
  tool,
} from "@openai/agents-realtime";
import { z } from "zod";

const FRAME_MS = 50;
const FRAME_BYTES = 24 * FRAME_MS * 2;

const getWeather = tool({
  name: "get_weather",
  description: "Tells the weather of today.",
  parameters: z.object({}),
  execute: async () => "It is sunny.",
});
const agent = new RealtimeAgent({
  name: "bookseller",
  instructions: "Answer the telephone of a bookshop.",
  tools: [getWeather],
});
const session = new RealtimeSession(agent, {
  model: "gpt-realtime-2.1",
  transport: new OpenAIRealtimeWebSocket({ url: `${process.argv[2]}/realtime?model=gpt-realtime-2.1` }),
});
session.on("error", (error) => console.error("session error:", JSON.stringify(error)));
await session.connect({ apiKey: process.env.OPENAI_API_KEY });

// The caller: speech that standard input names, else silence, in real time.
let waiting = Buffer.alloc(0);
const lines = createInterface({ input: process.stdin });
lines.on("line", (path) => {
  waiting = Buffer.concat([waiting, readFileSync(path.trim())]);
});
const begun = performance.now();
let sent = 0;
const pump = setInterval(() => {
  while (sent * FRAME_MS <= performance.now() - begun) {
    const frame = Buffer.alloc(FRAME_BYTES);
    waiting.copy(frame, 0, 0, FRAME_BYTES);
    waiting = waiting.subarray(FRAME_BYTES);
    session.sendAudio(frame.buffer.slice(frame.byteOffset, frame.byteOffset + FRAME_BYTES));
    sent += 1;
  }
}, FRAME_MS);
lines.on("close", () => {
  clearInterval(pump);
  session.close();
});
