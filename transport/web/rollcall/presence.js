import { addresses } from "./place.js";
import { Watch } from "./watch.js";

// An answer that takes longer than this is given up, in milliseconds.
const answerTimeout = 30000;

/** RollcallError is what the server answers instead of what was asked for. */
export class RollcallError extends Error {
  /**
   * @param {number} status of HTTP
   * @param {string} detail in the server's words
   * @param {number | null} retryAfter seconds, if it said when to ask again
   */
  constructor(status, detail, retryAfter) {
    super(detail);
    this.name = "RollcallError";
    this.status = status;
    this.detail = detail;
    this.retryAfter = retryAfter;
  }
}

/**
 * Presence asks and tells with an API token. Every method fails with a
 * RollcallError for an answer that is an error, and with that of fetch if no
 * answer came.
 */
export class Presence {
  /** Whom to push to, instead of a user. */
  static everybody = Symbol("everybody");

  #at;
  #token;
  #fetch;

  /**
   * @param {string | URL} server any address of the server, with http or ws
   * @param {{ token: string, fetch?: typeof fetch }} options
   */
  constructor(server, { token, fetch: fetcher = globalThis.fetch }) {
    if (typeof token !== "string" || !/^[\x20-\x7e]+$/.test(token)) { // which no header can carry
      throw new TypeError("Invalid token: it can only have letters, digits and signs of ASCII.");
    }
    this.#at = addresses(server);
    this.#token = token;
    this.#fetch = (url, options) => fetcher(url, options); // a browser's own is no method
  }

  /** Everybody who is online, the oldest connection first. */
  async list() {
    return (await this.#json("GET", this.#at.list)).active_connections;
  }

  /** Whether this user is online, since when and where from, or when last seen. */
  async user(email) {
    return this.#json("GET", `${this.#at.api}/presence/${encodeURIComponent(email)}`);
  }

  /** The state of each of up to 1,000 users, in the order asked. */
  async query(emails) {
    return (await this.#json("POST", this.#at.api + "/presence/query", { emails })).users;
  }

  /**
   * Pushes a JSON value to every session of a user, of a list of users, or of
   * Presence.everybody. An id that is given comes with it; else the server makes one.
   *
   * @param {string | Iterable<string> | symbol} to
   * @param {unknown} message
   * @param {{ id?: string }} [options]
   * @returns {Promise<number>} how many sessions took it
   */
  async push(to, message, { id } = {}) {
    const [url, emails] = typeof to === "string"
      ? [`${this.#at.api}/users/${encodeURIComponent(to)}/messages`]
      : [this.#at.api + "/messages", to === Presence.everybody ? undefined : [.../** @type {Iterable<string>} */ (to)]];
    return (await this.#json("POST", url, { emails, message, id })).sessions; // JSON leaves out what is undefined
  }

  /** Ends every session of a user, and returns how many it were. */
  async disconnect(email, reason = "") {
    return (await this.#json("DELETE", `${this.#at.api}/presence/${encodeURIComponent(email)}${because(reason)}`)).sessions;
  }

  /** Ends one session. */
  async disconnectSession(id, reason = "") {
    await this.#json("DELETE", `${this.#at.api}/sessions/${encodeURIComponent(id)}${because(reason)}`);
  }

  /**
   * Follows who is online, everybody or the users of a list, until it is closed.
   *
   * @param {{ emails?: string[] }} [options]
   * @returns {Watch}
   */
  watch({ emails } = {}) {
    const list = emails ? "?emails=" + emails.map(encodeURIComponent).join(",") : "";
    return new Watch((headers, signal) => this.#ask("GET", this.#at.api + "/presence/stream" + list, { headers, signal }));
  }

  async #json(method, url, body) {
    const response = await this.#ask(method, url, {
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(answerTimeout),
    });
    return response.json();
  }

  async #ask(method, url, { headers, body = undefined, signal }) {
    const response = await this.#fetch(url, {
      method, body, signal,
      headers: { ...headers, Authorization: "Token " + this.#token },
      cache: "no-cache", // ask each time, and be answered 304 if nothing has changed
      credentials: "omit",
    });
    if (response.ok) {
      return response;
    }
    const answer = await response.json().catch(() => null);
    const seconds = Number(response.headers.get("Retry-After") ?? NaN);
    throw new RollcallError(response.status, answer?.detail ?? `The server answered ${response.status} ${response.statusText}`.trim() + ".",
      Number.isFinite(seconds) ? seconds : null);
  }
}

function because(reason) {
  return reason === "" ? "" : "?reason=" + encodeURIComponent(reason);
}
