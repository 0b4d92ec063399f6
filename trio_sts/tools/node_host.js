'use strict';

// Runs tool files in Node.js: one worker thread per file, so that a file which throws,
// blocks or exits costs its own calls only. Started as `node node_host.js <fd>`; the
// file descriptor is a socket that carries one JSON object per line in both directions.
//
//   in:  {type: 'start', files: [path, ...]}
//        {type: 'call', id, file, uuid, args, timeout_ms}      file: an index
//   out: {type: 'loaded', file, name, description, input_schema}
//        {type: 'refused', file, message}
//        {type: 'answer', id, result}                          result: a string or null
//        {type: 'failed', id, message}
//        {type: 'overdue', id}                                no answer within timeout_ms
//        {type: 'log', file, stream, text}
//
// When the socket closes, the process ends: it never outlives the service.

const net = require('node:net');
const { pathToFileURL } = require('node:url');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');

const LOAD_MS = 10_000;
const PROBE_MS = 1_000; // a thread that does not answer for so long is blocked
const HEAP_MB = 256;
const RESULT_CHARS = 1_000_000; // the service cuts further, in bytes
const TEXT_CHARS = 2_000;
const LOG_LINES_PER_S = 50;
const UNSENT_CHARS = 1_000_000; // log lines are dropped while so much waits to be read

if (isMainThread) {
  runHost(Number(process.argv[2]));
} else {
  runFile(workerData.path);
}

function runHost(fd) {
  const socket = new net.Socket({ fd, readable: true, writable: true });
  const send = (message) => socket.write(`${JSON.stringify(message)}\n`);
  const sendLog = (message) => socket.writableLength < UNSENT_CHARS && send(message);
  const slots = [];
  const leave = () => process.exit(0);

  const take = (message) => {
    if (message.type === 'start') {
      message.files.forEach((path, file) => slots.push(new Slot(path, file, send, sendLog)));
      slots.forEach((slot) => slot.start());
    } else if (message.type === 'call') {
      slots[message.file].call(message);
    }
  };

  let rest = '';
  socket.setEncoding('utf8');
  socket.on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    lines.forEach((line) => take(JSON.parse(line)));
  });
  socket.on('end', leave);
  socket.on('close', leave);
  socket.on('error', leave);
}

/** One tool file with its thread, which is started again by the next call if it ended. */
class Slot {
  constructor(path, file, send, sendLog) {
    this.path = path;
    this.file = file;
    this.send = send;
    this.sendLog = sendLog;
    this.worker = null;
    this.told = false; // whether the service knows what the file offers
    this.loading = null;
    this.probing = null;
    this.pending = new Map(); // id -> timer
    this.stuck = 0; // calls that were given up and may still run
    this.second = 0;
    this.lines = 0;
  }

  start() {
    const worker = new Worker(__filename, {
      workerData: { path: this.path },
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    });
    this.worker = worker;
    this.loading = setTimeout(() => this.stop('did not load in time'), LOAD_MS);
    const current = (act) => (value) => this.worker === worker && act(value);
    worker.on('message', current((message) => this.take(message)));
    worker.on('messageerror', current(() => this.stop('sent what cannot be read')));
    worker.on('error', current((error) => this.stop(textOf(error))));
    worker.on('exit', current((code) => this.stop(`its thread ended with code ${code}`)));
    for (const stream of ['stdout', 'stderr']) {
      worker[stream].setEncoding('utf8');
      worker[stream].on('data', (text) => this.log(stream, text));
    }
  }

  call({ id, uuid, args, timeout_ms: timeoutMs }) {
    if (!this.worker) {
      this.start();
    }
    this.pending.set(id, setTimeout(() => this.giveUp(id), timeoutMs));
    this.worker.postMessage({ type: 'call', id, uuid, args });
  }

  take(message) {
    if (message.type === 'pong') {
      this.probed();
    } else if (message.type === 'loaded') {
      clearTimeout(this.loading);
      this.tell({ ...message, file: this.file });
    } else if (message.type === 'refused') {
      this.stop(message.message);
    } else if (this.settle(message.id)) {
      this.send(message);
      this.renewIfIdle();
    } else {
      this.stuck -= 1;
    }
  }

  /** What a file offers is told once: the service's tools do not change. */
  tell(message) {
    if (!this.told) {
      this.told = true;
      this.send(message);
    }
  }

  settle(id) {
    clearTimeout(this.pending.get(id));
    return this.pending.delete(id);
  }

  giveUp(id) {
    this.settle(id);
    this.send({ type: 'overdue', id });
    this.stuck += 1;
    this.renewIfIdle();
    if (this.worker && !this.probing) {
      this.probing = setTimeout(() => this.stop('its thread is blocked'), PROBE_MS);
      this.worker.postMessage({ type: 'ping' });
    }
  }

  /** A thread with calls that never ended is replaced as soon as nobody waits for it. */
  renewIfIdle() {
    if (this.stuck > 0 && this.pending.size === 0) {
      this.stop('had calls that never ended');
    }
  }

  probed() {
    clearTimeout(this.probing);
    this.probing = null;
  }

  stop(message) {
    const { worker } = this;
    this.worker = null;
    this.stuck = 0;
    clearTimeout(this.loading);
    this.probed();
    this.tell({ type: 'refused', file: this.file, message });
    for (const id of [...this.pending.keys()]) {
      this.settle(id);
      this.send({ type: 'failed', id, message });
    }
    worker.terminate();
  }

  log(stream, text) {
    const second = Math.floor(Date.now() / 1000);
    if (second !== this.second) {
      this.second = second;
      this.lines = 0;
    }
    for (const line of text.split('\n').filter((each) => each.trim())) {
      this.lines += 1;
      if (this.lines <= LOG_LINES_PER_S) {
        const cut = line.slice(0, TEXT_CHARS);
        this.sendLog({ type: 'log', file: this.file, stream, text: cut });
      }
    }
  }
}

async function runFile(path) {
  // A forgotten promise would end the thread, and with it the calls of others.
  process.on('unhandledRejection', (error) => console.error(textOf(error)));
  let tool;
  try {
    tool = await load(path);
    if (typeof tool.handler !== 'function') {
      throw new Error('handler must be a function of (uuid, args)');
    }
    const { name, description, input_schema: schema } = tool;
    parentPort.postMessage({
      type: 'loaded',
      ...JSON.parse(JSON.stringify({ name, description, input_schema: schema })),
    });
  } catch (error) {
    // A stack begins with the source line when the fault is one of syntax.
    const message = error instanceof Error ? `${error.name}: ${error.message}` : textOf(error);
    parentPort.postMessage({ type: 'refused', message });
    return;
  }
  parentPort.on('message', async ({ type, id, uuid, args }) => {
    const answer = type === 'ping' ? { type: 'pong' } : await answerOf(tool, id, uuid, args);
    parentPort.postMessage(answer);
  });
}

async function load(path) {
  try {
    return require(path);
  } catch (error) {
    if (error?.code !== 'ERR_REQUIRE_ESM') {
      throw error;
    }
    const module = await import(pathToFileURL(path));
    return module.default ?? module;
  }
}

async function answerOf(tool, id, uuid, args) {
  try {
    const result = (await tool.handler(uuid, args)) ?? null;
    if (result !== null && typeof result !== 'string') {
      return { type: 'failed', id, message: `gave ${typeof result} instead of a string` };
    }
    return { type: 'answer', id, result: result?.slice(0, RESULT_CHARS) ?? null };
  } catch (error) {
    return { type: 'failed', id, message: textOf(error) };
  }
}

function textOf(error) {
  try {
    return String(error?.stack ?? error).slice(0, TEXT_CHARS);
  } catch {
    return 'failed without words';
  }
}
