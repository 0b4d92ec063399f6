'use strict';

// Runs tool files in Node.js. Started as `node node_host.js <fd>`; the file descriptor is a
// socket that carries one JSON object per line in both directions.
//
//   in:  {type: 'start', files: [path, ...], apart: [file, ...]}
//        {type: 'call', id, file, uuid, metadata, args, timeout_ms}   file: an index
//   out: {type: 'loaded', file, name, description, input_schema, ends_call}
//        {type: 'refused', file, message}
//        {type: 'answer', id, result, silent}                         result: a string
//        {type: 'failed', id, message}
//        {type: 'overdue', id}                                no answer within timeout_ms
//        {type: 'log', file, id, level, text}             file and id: null if not known
//        {type: 'apart', file, message, others}          others: how many begin anew with it
//
// All files share one thread and one `require` cache, as in AVR. A file that blocks the
// thread, ends it or fills its memory gets a thread of its own from then on; the others
// begin anew in another shared thread. When the socket closes, the process ends: it never
// outlives the service.

const net = require('node:net');
const path = require('node:path');
const { Worker } = require('node:worker_threads');

const LOAD_MS = 10_000; // for one file, whichever thread it loads in
const TICK_MS = 100;
const BLOCKED_TICKS = 10; // a thread that answers no ping for so long is blocked
const BLOCKED_LOADING_TICKS = 40; // `require` of large packages takes its time
const BLOCKED_IDLE_TICKS = 50; // nothing of a file runs: a slow machine, most likely
const SHARED_HEAP_MB = 512;
const OWN_HEAP_MB = 256;
const MEMORY_BYTES = 1.5 * 1024 ** 3; // of the whole process, with what is in no heap
const UNEXPLAINED_ENDS = 3; // then every file gets a thread of its own
const UNSENT_CHARS = 1_000_000; // log lines are dropped while so much waits to be read

function runHost(fd) {
  const socket = new net.Socket({ fd, readable: true, writable: true });
  const host = new Host(socket);
  const leave = () => process.exit(0);
  let rest = '';
  socket.setEncoding('utf8');
  socket.on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    lines.forEach((line) => host.take(JSON.parse(line)));
  });
  socket.on('end', leave);
  socket.on('close', leave);
  socket.on('error', leave);
}

/** All files and their threads. */
class Host {
  constructor(socket) {
    this.socket = socket;
    this.paths = [];
    this.shared = null;
    this.apart = new Map(); // file -> its own thread
    this.loading = new Map(); // file -> timer, until the service knows about it
    this.unexplained = 0;
  }

  take(message) {
    if (message.type === 'start') {
      this.start(message);
    } else {
      this.place([new Call(message)]);
    }
  }

  place(calls) {
    calls.forEach((call) => this.threadOf(call.message.file).call(call));
  }

  threadOf(file) {
    return this.apart.get(file) ?? this.shared;
  }

  send(message) {
    this.socket.write(`${JSON.stringify(message)}\n`);
  }

  log(message) {
    if (this.socket.writableLength < UNSENT_CHARS) {
      this.send(message);
    }
  }

  start({ files, apart }) {
    this.paths = files;
    files.forEach((_, file) => {
      this.loading.set(file, setTimeout(() => this.giveUpLoading(file), LOAD_MS));
    });
    apart.forEach((file) => this.apart.set(file, new Thread(this, [file], { own: true })));
    this.renewShared();
  }

  /** Load all files that are not apart into a new shared thread. */
  renewShared() {
    const files = this.paths.map((_, file) => file).filter((file) => !this.apart.has(file));
    this.shared = files.length ? new Thread(this, files, { own: false }) : null;
  }

  /** What a file offers is told once: the service's tools do not change. */
  tell(message) {
    if (this.loading.has(message.file)) {
      clearTimeout(this.loading.get(message.file));
      this.loading.delete(message.file);
      this.send(message);
    }
  }

  giveUpLoading(file) {
    this.tell({ type: 'refused', file, message: 'did not load in time' });
    this.apart.get(file)?.stop('did not load in time');
  }

  /** A shared thread blocks or has ended: from now on its culprits have their own. */
  separate(thread, message, culprits) {
    if (thread !== this.shared) {
      return;
    }
    this.unexplained += culprits.length ? 0 : 1;
    const leaving = this.unexplained < UNEXPLAINED_ENDS ? culprits : thread.files;
    leaving.forEach((file) => {
      this.apart.set(file, new Thread(this, [file], { own: true }));
    });
    this.renewShared();
    const others = this.shared?.files.length ?? 0;
    (leaving.length ? leaving : [null]).forEach((file) => {
      this.send({ type: 'apart', file, message, others });
    });
  }
}

/** One call of a tool; whoever claims it first, a thread or the host, has it. */
class Call {
  constructor(message) {
    this.message = message;
    this.timer = setTimeout(() => this.thread.giveUp(message.id), message.timeout_ms);
  }

  /** Let a thread have it, if no other one had. */
  offerTo(thread) {
    this.thread = thread;
    this.claim = new Int32Array(new SharedArrayBuffer(4));
    thread.worker.postMessage({ ...this.message, claim: this.claim });
  }

  isBegun() {
    return Atomics.load(this.claim, 0) === 1;
  }

  /** Whether no thread has begun it, nor ever will. */
  takeBack() {
    return Atomics.compareExchange(this.claim, 0, 0, 2) === 0;
  }
}

/** A thread with the files that it has loaded; an own one is started again when needed. */
class Thread {
  constructor(host, files, { own }) {
    this.host = host;
    this.files = files;
    this.own = own;
    this.pending = new Map(); // id -> Call
    this.suspect = false; // a call was given up and nothing was heard since
    this.retiring = false;
    this.start();
  }

  start() {
    this.running = new Int32Array(new SharedArrayBuffer(4)).fill(-1); // the file whose code runs
    this.loading = true;
    this.missed = 0;
    const worker = new Worker(path.join(__dirname, 'node_thread.js'), {
      workerData: {
        files: this.files.map((file) => ({ file, path: this.host.paths[file] })),
        running: this.running,
        own: this.own,
      },
      resourceLimits: { maxOldGenerationSizeMb: this.own ? OWN_HEAP_MB : SHARED_HEAP_MB },
    });
    this.worker = worker;
    const current = (act) => (value) => this.worker === worker && act(value);
    worker.on('message', current((message) => this.take(message)));
    worker.on('messageerror', current(() => this.end('sent what cannot be read')));
    worker.on('error', current((error) => this.end(textOf(error))));
    worker.on('exit', current((code) => this.end(`its thread ended with code ${code}`)));
    this.ticking ??= setInterval(() => this.tick(), TICK_MS);
  }

  call(call) {
    if (!this.worker) {
      this.start();
    }
    this.pending.set(call.message.id, call);
    this.ticking ??= setInterval(() => this.tick(), TICK_MS);
    call.offerTo(this);
  }

  take(message) {
    this.missed = 0;
    this.suspect = false;
    switch (message.type) {
      case 'pong':
      case 'loading':
        break; // signs of life, no more
      case 'ready':
        this.loading = false;
        break;
      case 'loaded':
      case 'refused':
        if (this.host.threadOf(message.file) === this) {
          this.host.tell(message);
        }
        break;
      case 'exits':
        this.retire('it ended the thread that it shared', [message.file]);
        break;
      case 'log':
        this.host.log(message);
        break;
      default: // 'answer' or 'failed'
        if (this.settle(message.id)) {
          this.host.send(message);
        }
    }
  }

  settle(id) {
    clearTimeout(this.pending.get(id)?.timer);
    return this.pending.delete(id);
  }

  giveUp(id) {
    this.suspect = true;
    this.settle(id);
    this.host.send({ type: 'overdue', id });
    this.tick();
  }

  /** While anything is under way: look whether the thread lives. */
  tick() {
    if (!this.worker) {
      this.rest();
    } else if (this.retiring && this.pending.size === 0) {
      this.stop('retired');
    } else if (!this.loading && !this.pending.size && !this.suspect) {
      this.rest();
    } else {
      this.missed += 1;
      this.worker.postMessage({ type: 'ping' });
      this.judge();
    }
  }

  rest() {
    clearInterval(this.ticking);
    this.ticking = null;
  }

  judge() {
    if (this.missed > 1 && process.memoryUsage.rss() > MEMORY_BYTES) {
      this.end('it filled the memory');
    } else if (this.missed > this.patience() && this.loading) {
      this.end('its loading blocks');
    } else if (this.missed > this.patience() && this === this.host.shared) {
      this.retire('it blocked the thread that it shared', this.culprits());
    } else if (this.missed > BLOCKED_TICKS && this.suspect && this.own) {
      this.stop('its thread is blocked');
    }
  }

  patience() {
    if (this.loading) {
      return BLOCKED_LOADING_TICKS;
    }
    return this.culprits().length ? BLOCKED_TICKS : BLOCKED_IDLE_TICKS;
  }

  /** The file whose code runs; where that is not known, those that are being called. */
  culprits() {
    const file = Atomics.load(this.running, 0);
    if (file >= 0) {
      return [file];
    }
    const begun = [...this.pending.values()].filter((call) => call.isBegun());
    return [...new Set(begun.map((call) => call.message.file))];
  }

  /** What it has begun may still end here, what it has not goes elsewhere. */
  retire(message, culprits) {
    this.retiring = true;
    this.host.separate(this, message, culprits);
    this.host.place(this.takeUnbegun());
    this.tick();
  }

  /** The thread is lost, by whatever its files did. */
  end(message) {
    this.host.separate(this, message, this.culprits());
    this.stop(message);
  }

  stop(message) {
    const { worker, loading } = this;
    this.worker = null;
    this.suspect = false;
    this.rest();
    if (this.own) {
      this.host.tell({ type: 'refused', file: this.files[0], message });
    }
    // A file's own thread is started again for them, unless it does not even load.
    const unbegun = this.own && loading ? [] : this.takeUnbegun();
    for (const id of [...this.pending.keys()]) {
      this.settle(id);
      this.host.send({ type: 'failed', id, message });
    }
    worker?.terminate();
    this.host.place(unbegun);
  }

  takeUnbegun() {
    const unbegun = [...this.pending.values()].filter((call) => call.takeBack());
    unbegun.forEach((call) => this.pending.delete(call.message.id));
    return unbegun;
  }
}

function textOf(error) {
  try {
    return String(error?.stack ?? error).slice(0, 2_000);
  } catch {
    return 'failed without words';
  }
}

runHost(Number(process.argv[2]));
