import { Backoff } from "./backoff.js";
import { connectAgain } from "./closes.js";
import { addresses } from "./place.js";

// An attempt that has brought no greeting after this many milliseconds is given
// up. The server gives up sooner, and says so.
const greetingTimeout = 20000;

// A peer that has not answered a close after this many milliseconds is not waited
// for any longer: a network that is dead brings no answer, and Node 20 no end.
const farewellTimeout = 2000;

// So many messages wait for the greeting. The next one is refused.
const maxWaiting = 100;

// So many bytes may wait in the browser to be written. Then a message is refused,
// because the server reads no faster for more of them.
const maxBuffered = 1 << 20;

// Once the browser says that it is online again, the attempt comes within this
// many milliseconds: a network that returns brings many clients back at once.
const onlineDelay = 1000;

const lost = 1006; // RFC 6455 section 7.4.1: it is never sent, only reported
const greeted = "Connected successfully as ";

/**
 * Connection is one user's socket. It connects at once, and again as often as the
 * close codes allow, until it is closed. It tells what happens by events:
 *
 * | event | detail |
 * |---|---|
 * | `state` | the new state: `connecting`, `connected`, `waiting` (for its next attempt), `offline` (until the browser is online), `closing`, `closed` (for ever) |
 * | `greeting` | `{email}` as the server spells it |
 * | `push` | `{message, id}`, what somebody tells this user |
 * | `reply` | `{message, from}`, the answer to one message |
 * | `error` | `{message}`, the answer to one that the server cannot read |
 * | `frame` | the text of any frame, before its own event |
 * | `close` | `{code, reason, opened, again}`: one socket ended; `again` is the delay in milliseconds before the next attempt, and null if there is none |
 */
export class Connection extends EventTarget {
  #url;
  #Socket;
  #state = "connecting";
  #socket = null;
  #email = null;
  #greetedAt = 0;
  #waiting = []; // texts that wait for the greeting
  #timer;
  #backoff = new Backoff();
  #final = false; // close was called

  /**
   * @param {string | URL} server any address of the server, with ws or http
   * @param {{ email?: string, WebSocket?: typeof WebSocket }} [options]
   *   the user's e-mail, and where the platform has no WebSocket (Node before
   *   22), one to use
   */
  constructor(server, { email = "", WebSocket: Socket = globalThis.WebSocket } = {}) {
    super();
    if (typeof Socket !== "function") {
      throw new TypeError("There is no WebSocket here: give one as an option.");
    }
    // A plus is a plus in this query, and encodeURIComponent hides it anyway.
    this.#url = addresses(server).socket + (email === "" ? "" : "?email=" + encodeURIComponent(email));
    this.#Socket = Socket;
    globalThis.addEventListener?.("online", this.#online);
    globalThis.addEventListener?.("offline", this.#offline);
    if (isOffline()) {
      this.#state = "offline";
    } else {
      this.#connect();
    }
  }

  get url() {
    return this.#url;
  }

  get state() {
    return this.#state;
  }

  /** The e-mail as the server spells it, while connected; else null. */
  get email() {
    return this.#email;
  }

  /**
   * Sends any JSON value as a message. One that is sent before the greeting waits
   * for it. A message is lost with its socket if that ends before the reply.
   *
   * @param {unknown} message
   * @returns {boolean} false if it was not taken: the connection is closed, or too
   *   many messages wait already
   */
  send(message) {
    return this.sendText(JSON.stringify({ message }));
  }

  /**
   * Sends a text frame exactly as it is.
   *
   * @param {string} text
   * @returns {boolean} as send does
   */
  sendText(text) {
    if (this.#final || this.#state === "closed") {
      return false;
    }
    if (this.#state !== "connected") {
      return this.#waiting.length < maxWaiting && this.#waiting.push(text) > 0;
    }
    if (this.#socket.readyState !== 1 || this.#socket.bufferedAmount + text.length > maxBuffered) {
      return false;
    }
    this.#socket.send(text);
    return true;
  }

  /**
   * Closes for ever: at once, or if the socket is open when the server has answered,
   * for which it has two seconds. What waits for a greeting is dropped.
   */
  close() {
    if (this.#final) {
      return;
    }
    this.#final = true;
    const socket = this.#socket;
    if (socket === null) {
      this.#finish();
      return;
    }
    this.#enter("closing");
    if (socket.readyState === 0) { // nobody is there to take leave of
      this.#abandon(socket, "", false);
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#abandon(socket, "No farewell in time", true), farewellTimeout);
    socket.close(1000);
  }

  #connect() {
    clearTimeout(this.#timer);
    this.#enter("connecting");
    const socket = this.#socket = new this.#Socket(this.#url);
    let opened = false;
    socket.onopen = () => { opened = true; };
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code, reason }) => this.#ended(code, reason, opened);
    socket.onerror = () => {
      if (!opened) { // else a close follows; before, Node 20 tells no more than this
        this.#abandon(socket, "", opened);
      }
    };
    this.#timer = setTimeout(() => this.#abandon(socket, "No greeting in time", opened), greetingTimeout);
  }

  // abandon ends a socket without its close, which a dead network would let wait.
  // Nothing that the socket tells afterwards is heard.
  #abandon(socket, reason, opened) {
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.onerror = () => {}; // an error that nobody takes ends the program, with some sockets
    socket.close();
    this.#ended(lost, reason, opened);
  }

  #receive(text) {
    this.#tell("frame", text);
    let frame;
    try {
      frame = JSON.parse(text);
    } catch {
      return; // not of this server
    }
    switch (frame?.type) {
      case "connection_established":
        this.#greet(String(frame.message));
        break;
      case "push":
        this.#tell("push", { message: frame.message, id: frame.id });
        break;
      case "message":
        this.#tell("reply", { message: frame.message, from: frame.from });
        break;
      case "error":
        this.#tell("error", { message: frame.message });
    }
  }

  #greet(message) {
    if (this.#final) {
      return; // the close is under way
    }
    clearTimeout(this.#timer);
    this.#email = message.startsWith(greeted) ? message.slice(greeted.length) : message;
    this.#greetedAt = Date.now();
    this.#enter("connected");
    this.#tell("greeting", { email: this.#email });
    for (const text of this.#waiting.splice(0)) {
      this.#socket?.send(text);
    }
  }

  #ended(code, reason, opened) {
    clearTimeout(this.#timer);
    if (this.#email !== null) {
      this.#backoff.lasted(Date.now() - this.#greetedAt);
    }
    this.#socket = null;
    this.#email = null;
    const how = this.#final ? "never" : connectAgain(code);
    const again = how === "never" ? null : this.#backoff.next(how);
    if (again === null) {
      this.#final = true;
    } else if (isOffline()) {
      this.#enter("offline");
    } else {
      this.#wait(again);
    }
    this.#tell("close", { code, reason, opened, again });
    if (again === null) {
      this.#finish();
    }
  }

  #wait(delay) {
    this.#enter("waiting");
    this.#timer = setTimeout(() => this.#connect(), delay);
  }

  #online = () => {
    if (this.#state === "offline") {
      this.#wait(Math.random() * onlineDelay);
    }
  };

  // A socket that is open is left to the browser, which knows better whether
  // its network is the one that went.
  #offline = () => {
    if (this.#state === "waiting") {
      clearTimeout(this.#timer);
      this.#enter("offline");
    }
  };

  #finish() {
    clearTimeout(this.#timer);
    globalThis.removeEventListener?.("online", this.#online);
    globalThis.removeEventListener?.("offline", this.#offline);
    this.#waiting = [];
    this.#enter("closed");
  }

  #enter(state) {
    if (this.#state !== state) {
      this.#state = state;
      this.#tell("state", state);
    }
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function isOffline() {
  return globalThis.navigator?.onLine === false;
}
