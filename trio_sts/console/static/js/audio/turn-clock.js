// The wait between the caller's last word and the agent's first, as it is at this end. Pure:
// levels and times (ms) in, waits out.

const LEAST_LEVEL = 0.01;
const ABOVE_FLOOR = 4;
const FLOOR_RISE = 1.002;
// A pause of the agent shorter than this is within one answer.
const PAUSE_MS = 700;

export class TurnClock {
  constructor() {
    this.floor = LEAST_LEVEL / ABOVE_FLOOR;
    this.spokenAt = null;
    this.audioAt = -Infinity;
  }

  /** A frame of the microphone: its level from 0 to 1. */
  heard(level, now) {
    if (level > Math.max(LEAST_LEVEL, this.floor * ABOVE_FLOOR)) this.spokenAt = now;
    this.floor = level < this.floor ? level : this.floor * FLOOR_RISE + 1e-7;
  }

  /** A key is a turn of its own. */
  pressed(now) {
    this.spokenAt = now;
  }

  /** Audio of the agent: the wait, if it begins an answer, else null. */
  answered(now) {
    const begins = now - this.audioAt > PAUSE_MS;
    this.audioAt = now;
    if (!begins || this.spokenAt === null) return null;
    const wait = now - this.spokenAt;
    this.spokenAt = null;
    return wait;
  }
}
