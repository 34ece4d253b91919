/** @import { Again } from "./closes.js" */

// The first delay is drawn from up to this, in milliseconds, and each further
// one from up to twice as much as the one before.
const firstDelay = 1000;

// No delay is longer than this, in milliseconds.
const longestDelay = 30000;

// All who were sent away at the same moment spread over this, in milliseconds.
const spreadDelay = 5000;

// A connection that has lasted this long, in milliseconds, was a success: the
// failures before it count no longer. One that fails sooner is one more of them.
const steadyAfter = 10000;

/** Backoff says how long to wait before the next attempt, always at random. */
export class Backoff {
  #failures = 0;

  /**
   * @param {Exclude<Again, "never">} how
   * @returns {number} milliseconds
   */
  next(how) {
    const most = Math.min(longestDelay, firstDelay * 2 ** this.#failures++);
    switch (how) {
      case "spread":
        return Math.random() * Math.max(most, spreadDelay);
      case "slowly": // never at once
        return (1 + Math.random()) * most / 2;
      default:
        return Math.random() * most;
    }
  }

  /**
   * Lasted is told how long a connection has been good when it ends.
   *
   * @param {number} milliseconds
   */
  lasted(milliseconds) {
    if (milliseconds >= steadyAfter) {
      this.#failures = 0;
    }
  }
}
