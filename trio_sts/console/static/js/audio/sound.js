// Microphone and loudspeaker of one call; the caller of `openSound` closes it.

const MICROPHONE = { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/** No microphone can be had; the message says what to do. */
export class NoMicrophone extends Error {}

/** `frame(pcm, level)` gets 20 ms of the microphone at 8 kHz, PCM16LE, from now on. */
export async function openSound(frame) {
  const stream = await microphone();
  const context = new AudioContext({ latencyHint: "interactive" });
  try {
    await Promise.all(["capture", "playback"].map((name) => context.audioWorklet.addModule(`/static/js/audio/${name}-worklet.js`)));
    await context.resume();
  } catch (error) {
    stop(stream);
    await context.close();
    throw error;
  }
  const capture = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
  const playback = new AudioWorkletNode(context, "playback", { numberOfInputs: 0, outputChannelCount: [1] });
  const meter = new AnalyserNode(context, { fftSize: 1024 });
  const samples = new Float32Array(meter.fftSize);
  context.createMediaStreamSource(stream).connect(capture);
  playback.connect(meter).connect(context.destination);
  capture.port.onmessage = ({ data }) => frame(data.pcm, data.level);
  return {
    play: (pcm) => playback.port.postMessage({ pcm }, [pcm.buffer]),
    /** The caller has barged in: what waits is thrown away. */
    cut: () => playback.port.postMessage({}),
    /** What is being played just now, root mean square from 0 to 1. */
    level() {
      meter.getFloatTimeDomainData(samples);
      return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
    },
    async close() {
      capture.port.onmessage = null;
      stop(stream);
      await context.close();
    },
  };
}

async function microphone() {
  if (!navigator.mediaDevices) {
    throw new NoMicrophone("This page may not use the microphone: browsers allow it on localhost or over HTTPS only.");
  }
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: MICROPHONE });
  } catch (error) {
    if (error.name === "NotAllowedError") throw new NoMicrophone("The microphone is not allowed. Allow it for this page in the browser, and call again.");
    if (error.name === "NotFoundError") throw new NoMicrophone("No microphone was found. Connect one, and call again.");
    throw new NoMicrophone(`The microphone cannot be used: ${error.message}`);
  }
}

function stop(stream) {
  for (const track of stream.getTracks()) track.stop();
}
