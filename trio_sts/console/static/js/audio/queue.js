// Samples that wait to be played. Pure.

export class PlayoutQueue {
  /** `fade` samples are still heard after a cut, more and more quietly: a cut makes no click. */
  constructor(fade) {
    this.fade = fade;
    this.pieces = [];
    this.offset = 0;
  }

  /** Samples that still wait. */
  get length() {
    return this.pieces.reduce((sum, piece) => sum + piece.length, 0) - this.offset;
  }

  push(samples) {
    if (samples.length) this.pieces.push(samples);
  }

  /** Fill `out`; what is missing is silence. */
  pull(out) {
    let filled = 0;
    while (filled < out.length && this.pieces.length) {
      const piece = this.pieces[0];
      const taken = Math.min(out.length - filled, piece.length - this.offset);
      out.set(piece.subarray(this.offset, this.offset + taken), filled);
      filled += taken;
      this.offset += taken;
      if (this.offset === piece.length) {
        this.pieces.shift();
        this.offset = 0;
      }
    }
    out.fill(0, filled);
  }

  /** Forget all that waits, but for a fade. */
  cut() {
    const rest = new Float32Array(Math.min(this.fade, this.length));
    this.pull(rest);
    this.pieces = [];
    this.offset = 0;
    this.push(rest.map((sample, index) => sample * (1 - (index + 1) / rest.length)));
  }
}
