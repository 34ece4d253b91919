import { Backoff } from "./backoff.js";
import { EventParser } from "./events.js";

// A stream that brings not even a comment for so many milliseconds is dead. The
// server sends one far more often.
const silence = 60000;

// Once the browser says that it is online again, the attempt comes within this
// many milliseconds.
const onlineDelay = 1000;

// Of the answers that say that the question is at fault, these pass: it came too
// slowly, too early or too often. Any other would be the same if it were asked again.
const passing = [408, 425, 429];

const final = (status) => status >= 400 && status < 500 && !passing.includes(status);

/**
 * Watch is who is online, kept true by the server's stream of events. It comes
 * again by itself and misses nothing: it goes on from the last event, or takes a
 * new snapshot when the server does not keep that any more. It tells what happens
 * by events:
 *
 * | event | detail |
 * |---|---|
 * | `state` | the new state: `connecting` (until it knows who is online now), `live`, `waiting` (for its next attempt), `closed` |
 * | `snapshot` | the map of who is online, which was filled anew |
 * | `join`, `activity` | the user's entry |
 * | `leave` | the user's last entry, with `reason` and `duration_ms` |
 * | `change` | the map, after each of these |
 * | `error` | why the stream ended: a RollcallError, or what the stream broke off with; the state tells whether it comes again |
 */
export class Watch extends EventTarget {
  /**
   * Who is online by e-mail, the oldest connection first. While the state is not
   * `live` it is as of the last event, or as of the snapshot before.
   *
   * @type {Map<string, { email: string, connected_at: string, last_activity: string }>}
   */
  online = new Map();

  #open;
  #state = "connecting";
  #parts = null; // of a snapshot that is not whole, by e-mail
  #lastID = "";
  #backoff = new Backoff();
  #closed = false;
  #attempt = new AbortController();
  #silent; // the timer of the silence
  #wake = () => {}; // ends the pause between two attempts

  /**
   * @param {(headers: Record<string, string>, signal: AbortSignal) => Promise<Response>} open
   *   asks for the stream
   */
  constructor(open) {
    super();
    this.#open = open;
    globalThis.addEventListener?.("online", this.#online);
    this.#run();
  }

  get state() {
    return this.#state;
  }

  /** Closes for ever. The map stays as it is. */
  close() {
    this.#closed = true;
    globalThis.removeEventListener?.("online", this.#online);
    this.#attempt.abort();
    this.#wake();
    this.#enter("closed");
  }

  async #run() {
    await null; // whoever has made it listens first
    while (!this.#closed) {
      this.#enter("connecting");
      const began = Date.now();
      const problem = await this.#read().catch((error) => error);
      clearTimeout(this.#silent);
      if (this.#closed) {
        return;
      }
      this.#backoff.lasted(Date.now() - began);
      if (final(problem?.status)) {
        this.close();
        this.#tell("error", problem);
        return;
      }
      const delay = this.#backoff.next("spread");
      this.#enter("waiting");
      if (problem) {
        this.#tell("error", problem);
      }
      await this.#pause(Math.max(delay, (problem?.retryAfter ?? 0) * 1000));
    }
  }

  // read follows one stream to its end, and fails unless that was a good one.
  async #read() {
    this.#parts = null;
    const attempt = this.#attempt = new AbortController();
    if (this.#closed) { // by who was told that it connects
      return;
    }
    this.#hear();
    try {
      await this.#follow(attempt.signal);
    } finally {
      attempt.abort(); // of a stream that is no good, nobody reads the rest
    }
  }

  async #follow(signal) {
    const response = await this.#open(this.#lastID === "" ? {} : { "Last-Event-ID": this.#lastID }, signal);
    const parser = new EventParser(this.#lastID);
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || signal.aborted) {
        return;
      }
      this.#hear();
      for (const event of parser.push(value)) {
        if (!this.#closed) {
          this.#take(event.type, JSON.parse(event.data));
        }
      }
      this.#lastID = parser.lastID; // none before the end of a snapshot: one that is cut off has to come again
    }
  }

  // hear gives the stream its time to bring something.
  #hear() {
    clearTimeout(this.#silent);
    const attempt = this.#attempt;
    this.#silent = setTimeout(() => attempt.abort(new Error("The stream has fallen silent.")), silence);
  }

  #take(type, event) {
    switch (type) {
      case "snapshot":
        this.#takePart(event);
        return;
      case "join":
      case "activity":
        this.online.set(event.email, event);
        break;
      case "leave":
        this.online.delete(event.email);
        break;
      case "": // a place to go on from, behind what was missed
        this.#enter("live");
        return;
      case "reset": // which has taken the id away and goes before a snapshot
        this.#parts = null;
        this.#enter("connecting");
        return;
      default: // of a newer server
        return;
    }
    this.#tell(type, event);
    this.#tell("change", this.online);
  }

  // takePart shows a snapshot only when it is whole.
  #takePart({ users, last }) {
    this.#parts ??= new Map();
    for (const user of users) {
      this.#parts.set(user.email, user);
    }
    if (last) {
      this.online = this.#parts;
      this.#parts = null;
      this.#tell("snapshot", this.online);
      this.#tell("change", this.online);
      this.#enter("live"); // whoever waits for this finds the map as it is told
    }
  }

  #pause(delay) {
    return new Promise((resolve) => {
      if (this.#closed) {
        resolve();
        return;
      }
      const timer = setTimeout(resolve, delay);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  // A network that returns brings many clients back at once.
  #online = () => {
    setTimeout(() => this.#wake(), Math.random() * onlineDelay);
  };

  #enter(state) {
    if (this.#state !== state && this.#state !== "closed") {
      this.#state = state;
      this.#tell("state", state);
    }
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
