// The microphone's thread: frames of 20 ms, PCM16LE at 8 kHz, each with its level.

import { Resampler, toPcm16 } from "./resample.js";

const RATE_HZ = 8000;
const FRAME = 160;

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.resampler = new Resampler(sampleRate, RATE_HZ);
    this.frame = new Float32Array(FRAME);
    this.filled = 0;
  }

  process([input]) {
    // A microphone that has gone is silence: the call goes on.
    const samples = this.resampler.push(input[0] ?? new Float32Array(128));
    for (const sample of samples) {
      this.frame[this.filled] = sample;
      this.filled += 1;
      if (this.filled === FRAME) this.#send();
    }
    return true;
  }

  #send() {
    const level = Math.sqrt(this.frame.reduce((sum, sample) => sum + sample * sample, 0) / FRAME);
    const pcm = toPcm16(this.frame);
    this.port.postMessage({ pcm, level }, [pcm.buffer]);
    this.filled = 0;
  }
}

registerProcessor("capture", Capture);
