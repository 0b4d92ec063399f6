'use strict';

// One thread of node_host.js: loads its files one after the other and answers calls.
//
//   in:  {type: 'call', id, file, uuid, metadata, args, claim}, {type: 'ping'}
//   out: what node_host.js says, and {type: 'loading'}, {type: 'ready'}, {type: 'pong'},
//        {type: 'exits', file}

const { AsyncResource, createHook, executionAsyncId } = require('node:async_hooks');
const { pathToFileURL } = require('node:url');
const { format, inspect } = require('node:util');
const { parentPort, workerData } = require('node:worker_threads');

const OFFER_CHARS = 256 * 1024; // what a file says about its tool; the service checks further
const RESULT_CHARS = 1_000_000; // the service cuts further, in bytes
const TEXT_CHARS = 2_000;
const LOG_LINES_PER_S = 50; // of one file
const SAID_BY_NODE = new Set(['DeprecationWarning', 'ExperimentalWarning']);

const tools = new Map(); // file -> what it exports
const live = new Set(); // ids of calls without an answer
const counts = new Map(); // file -> {second, lines, dropped}
const followUp = track();
quieten();
for (const { file, path } of workerData.files) {
  parentPort.postMessage({ type: 'loading' });
  followUp({ file, id: null }, () => load(file, path));
}
parentPort.on('message', take);
parentPort.postMessage({ type: 'ready' });

/**
 * Follow which file's code runs, through every callback and promise, and keep it where the
 * host sees it even when this thread answers nothing any more.
 *
 * Returns a function that runs another one on behalf of an owner: {file, id}.
 */
function track() {
  const owners = new Map(); // async id -> owner
  const stack = [];
  const show = () => Atomics.store(workerData.running, 0, stack.at(-1)?.file ?? -1);
  const enter = (owner) => show(stack.push(owner));
  createHook({
    init(asyncId) {
      const owner = owners.get(executionAsyncId());
      if (owner) {
        owners.set(asyncId, owner);
      }
    },
    before: (asyncId) => enter(owners.get(asyncId)),
    after: () => show(stack.pop()),
    destroy: (asyncId) => owners.delete(asyncId),
  }).enable();
  track.owner = () => stack.at(-1);
  return (owner, act) => {
    const scope = new AsyncResource('trio-sts tool');
    owners.set(scope.asyncId(), owner);
    return scope.runInAsyncScope(act);
  };
}

/** What would end a shared thread costs one call; what files write goes to the log. */
function quieten() {
  if (!workerData.own) {
    process.exit = (code) => {
      const owner = track.owner();
      if (owner) {
        parentPort.postMessage({ type: 'exits', file: owner.file });
      }
      throw new Error(`called process.exit(${code})`);
    };
  }
  process.on('unhandledRejection', (error) => console.error(textOf(error)));
  process.on('uncaughtException', (error) => {
    const message = textOf(error);
    console.error(message);
    answer({ type: 'failed', id: track.owner()?.id, message });
  });
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    if (!SAID_BY_NODE.has(warning.name)) {
      console.error(textOf(warning));
    }
  });
  for (const [stream, level] of [[process.stdout, 'info'], [process.stderr, 'warning']]) {
    stream.write = (chunk, encoding, done) => {
      log(level, String(chunk));
      (typeof encoding === 'function' ? encoding : done)?.();
      return true;
    };
  }
}

async function load(file, path) {
  try {
    const tool = await required(path);
    if (typeof tool.handler !== 'function') {
      throw new Error('handler must be a function of (uuid, args)');
    }
    const { name, description, input_schema, ends_call } = tool;
    const offer = JSON.stringify({ name, description, input_schema, ends_call });
    if (offer.length > OFFER_CHARS) {
      throw new Error(`what it says about itself is longer than ${OFFER_CHARS} characters`);
    }
    tools.set(file, tool);
    parentPort.postMessage({ type: 'loaded', file, ...JSON.parse(offer) });
  } catch (error) {
    // A stack begins with the source line when the fault is one of syntax.
    const message = error instanceof Error ? `${error.name}: ${error.message}` : textOf(error);
    parentPort.postMessage({ type: 'refused', file, message: message.slice(0, TEXT_CHARS) });
  }
}

async function required(path) {
  let module;
  try {
    module = require(path);
  } catch (error) {
    if (error?.code !== 'ERR_REQUIRE_ESM' && error?.code !== 'ERR_REQUIRE_ASYNC_MODULE') {
      throw error;
    }
    module = await import(pathToFileURL(path));
  }
  return module.handler === undefined && module.default ? module.default : module;
}

function take(message) {
  if (message.type === 'ping') {
    parentPort.postMessage({ type: 'pong' });
  } else if (Atomics.compareExchange(message.claim, 0, 0, 1) === 0) {
    const { file, id } = message;
    live.add(id);
    followUp({ file, id }, () => run(message));
  }
}

async function run({ id, file, uuid, metadata, args }) {
  try {
    const tool = tools.get(file);
    if (!tool) {
      throw new Error('is not loaded');
    }
    const more = { metadata, logger: loggerFor(id, file) };
    const result = await tool.handler(uuid, args, more);
    answer({ type: 'answer', id, ...told(result) });
  } catch (error) {
    answer({ type: 'failed', id, message: textOf(error) });
  }
}

function answer(message) {
  if (live.delete(message.id)) {
    parentPort.postMessage(message);
  }
}

/** A tool that has answered has done its work: whatever it is becomes text. */
function told(result) {
  try {
    const silent = result?.silent === true;
    const text = encoded(silent ? result.output : result);
    return { result: text.slice(0, RESULT_CHARS), silent };
  } catch {
    return { result: '', silent: false };
  }
}

function encoded(value) {
  if (value === undefined || typeof value === 'string') {
    return value ?? '';
  }
  try {
    const text = value instanceof Error ? String(value) : JSON.stringify(value);
    return text ?? String(value);
  } catch {
    return inspect(value); // a circle, a BigInt
  }
}

function loggerFor(id, file) {
  const at = (level) => (...values) => log(level, format(...values), { id, file });
  return { debug: at('debug'), info: at('info'), warn: at('warning'), error: at('error') };
}

function log(level, text, owner = track.owner()) {
  const { id = null, file = null } = owner ?? {};
  const second = Math.floor(Date.now() / 1000);
  let count = counts.get(file);
  if (count?.second !== second) {
    const dropped = count?.dropped ?? 0;
    count = { second, lines: 0, dropped: 0 };
    counts.set(file, count);
    if (dropped) {
      const more = `${dropped} more lines were dropped`;
      parentPort.postMessage({ type: 'log', file, id, level: 'warning', text: more });
    }
  }
  for (const line of text.split('\n').filter((each) => each.trim())) {
    count.lines += 1;
    if (count.lines <= LOG_LINES_PER_S) {
      const cut = line.slice(0, TEXT_CHARS);
      parentPort.postMessage({ type: 'log', file, id, level, text: cut });
    } else {
      count.dropped += 1;
    }
  }
}

function textOf(error) {
  try {
    return String(error?.stack ?? error).slice(0, TEXT_CHARS);
  } catch {
    return 'failed without words';
  }
}
