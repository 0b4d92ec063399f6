// The loudspeaker's thread: plays what it is given in its order, and forgets it when told to.

import { Resampler, fromPcm16 } from "./resample.js";
import { PlayoutQueue } from "./queue.js";

const RATE_HZ = 8000;
const FADE_S = 0.005;

class Playback extends AudioWorkletProcessor {
  constructor() {
    super();
    this.resampler = new Resampler(RATE_HZ, sampleRate);
    this.queue = new PlayoutQueue(Math.round(FADE_S * sampleRate));
    this.port.onmessage = ({ data }) => {
      if (data.pcm) {
        this.queue.push(this.resampler.push(fromPcm16(data.pcm)));
      } else {
        this.queue.cut();
        this.resampler.reset();
      }
    };
  }

  process(_, [output]) {
    this.queue.pull(output[0]);
    for (const channel of output.slice(1)) channel.set(output[0]);
    return true;
  }
}

registerProcessor("playback", Playback);
