import { addresses } from "./place.js";
import { Watch } from "./watch.js";

// An answer that takes longer than this is given up, in milliseconds.
const answerTimeout = 30000;

/**
 * RollcallError is what the server answers instead of what was asked for, or says
 * that no answer came.
 */
export class RollcallError extends Error {
  /**
   * @param {number} status of HTTP, or 0 if no answer came
   * @param {string} detail in the server's words
   * @param {number | null} retryAfter seconds, if it said when to ask again
   * @param {{ cause?: unknown }} [options] why no answer came, as fetch says it
   */
  constructor(status, detail, retryAfter, options) {
    super(detail, options);
    this.name = "RollcallError";
    this.status = status;
    this.detail = detail;
    this.retryAfter = retryAfter;
  }
}

/**
 * Presence asks and tells with an API token. Every method fails with a
 * RollcallError for an answer that is an error, or none, and with a TypeError for
 * what cannot be asked.
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
  constructor(server, { token, fetch: fetcher = globalThis.fetch } = {}) {
    if (token === undefined) {
      throw new TypeError("A token is wanted, as an option: { token }.");
    }
    if (typeof token !== "string" || !/^[\x20-\x7e]+$/.test(token)) { // which no header can carry
      throw new TypeError("Invalid token: it can only have letters, digits and signs of ASCII.");
    }
    this.#at = addresses(server);
    this.#token = token;
    this.#fetch = async (url, options) => fetcher(url, options); // a browser's own is no method
  }

  /** Everybody who is online, the oldest connection first. */
  async list() {
    return (await this.#json("GET", this.#at.list)).active_connections;
  }

  /**
   * A page of who is online, in the byte order of the e-mails: up to `limit`, of those
   * that begin with `prefix`. Its `next` is the `after` of the page behind it, and null
   * on the last.
   *
   * @param {{ limit?: number, after?: string | null, prefix?: string }} [options]
   * @returns {Promise<{ users: object[], next: string | null }>}
   */
  async page({ limit, after, prefix } = {}) {
    return this.#json("GET", this.#at.api + "/presence" + query({ limit, after, prefix }));
  }

  /**
   * A page of the sessions that have ended, the newest end first: of one user or of
   * all, that ended after `from` and began before `to`. Its `next` is as that of page.
   *
   * @param {{ email?: string, from?: Date | string, to?: Date | string, limit?: number, after?: string | null }} [options]
   *   times as dates, or as RFC 3339 writes them
   * @returns {Promise<{ sessions: object[], next: string | null }>}
   */
  async history({ email, from, to, limit, after } = {}) {
    return this.#json("GET", this.#at.api + "/history" + query({ email, from, to, limit, after }));
  }

  /** Whether this user is online, since when and where from, or when last seen. */
  async user(email) {
    return this.#json("GET", `${this.#at.api}/presence/${segment(email)}`);
  }

  /**
   * The state of each of up to 1,000 users, in the order asked.
   *
   * @param {Iterable<string>} emails
   */
  async query(emails) {
    return (await this.#json("POST", this.#at.api + "/presence/query", { emails: list(emails) })).users;
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
    if (JSON.stringify(message) === undefined) { // and the body would have none
      throw new TypeError(`A message is a JSON value, and not ${String(message)}.`);
    }
    const [url, emails] = typeof to === "string"
      ? [`${this.#at.api}/users/${segment(to)}/messages`]
      : [this.#at.api + "/messages", to === Presence.everybody ? undefined : list(to, "A message goes to an e-mail, a list of them or Presence.everybody")];
    return (await this.#json("POST", url, { emails, message, id })).sessions; // JSON leaves out what is undefined
  }

  /** Ends every session of a user, and returns how many it were. */
  async disconnect(email, reason = "") {
    return (await this.#json("DELETE", `${this.#at.api}/presence/${segment(email)}${query({ reason: reason || undefined })}`)).sessions;
  }

  /** Ends one session. */
  async disconnectSession(id, reason = "") {
    await this.#json("DELETE", `${this.#at.api}/sessions/${segment(id)}${query({ reason: reason || undefined })}`);
  }

  /**
   * Follows who is online, everybody or the users of a list, until it is closed.
   *
   * @param {{ emails?: Iterable<string> }} [options]
   * @returns {Watch}
   */
  watch({ emails } = {}) {
    const only = emails === undefined ? "" : "?emails=" + list(emails).map(encodeURIComponent).join(",");
    return new Watch((headers, signal) => this.#ask("GET", this.#at.api + "/presence/stream" + only, { headers, signal }));
  }

  async #json(method, url, body) {
    const response = await this.#ask(method, url, {
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(answerTimeout),
    });
    return response.json().catch((cause) => { throw unanswered(cause); });
  }

  async #ask(method, url, { headers, body = undefined, signal }) {
    const response = await this.#fetch(url, {
      method, body, signal,
      headers: { ...headers, Authorization: "Token " + this.#token },
      cache: "no-cache", // ask each time, and be answered 304 if nothing has changed
      credentials: "omit",
    }).catch((cause) => { throw unanswered(cause); });
    if (response.ok) {
      return response;
    }
    const answer = await response.json().catch(() => null);
    const seconds = Number(response.headers.get("Retry-After") ?? NaN);
    throw new RollcallError(response.status, answer?.detail ?? `The server answered ${response.status} ${response.statusText}`.trim() + ".",
      Number.isFinite(seconds) ? seconds : null);
  }
}

// segment writes an e-mail or an id into a path. A URL would take dots for a way
// through folders, and a message to ".." for one to everybody.
function segment(name) {
  if (typeof name !== "string" || ["", ".", ".."].includes(name)) {
    throw new TypeError(`An e-mail or an id is wanted, and not ${JSON.stringify(name)}.`);
  }
  return encodeURIComponent(name);
}

// list takes the e-mails of a list, and of nothing else: what was forgotten must not
// become everybody, nor an e-mail the list of its letters.
function list(emails, wanted = "A list of e-mails is wanted") {
  if (typeof emails === "string" || typeof emails?.[Symbol.iterator] !== "function") {
    throw new TypeError(`${wanted}, and not ${String(emails)}.`);
  }
  const all = [...emails];
  for (const email of all) {
    if (typeof email !== "string") {
      throw new TypeError(`${wanted}, and not a list with ${String(email)}.`);
    }
  }
  return all;
}

// query writes what is given of the parameters. A space is %20: the server reads a
// plus as a plus.
function query(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => name + "=" + encodeURIComponent(value instanceof Date ? value.toISOString() : value));
  return given.length === 0 ? "" : "?" + given.join("&");
}

// unanswered makes an error of a request that nobody has answered to the end.
function unanswered(cause) {
  return new RollcallError(0, `No answer came from the server: ${cause?.message ?? cause}`, null, { cause });
}
