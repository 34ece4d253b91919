// An event with more characters than this is none of this server's: the stream
// that brings it is given up.
const maxEvent = 16 << 20;

/**
 * EventParser reads server-sent events (WHATWG HTML section 9.2.6) from bytes
 * that may be cut anywhere.
 */
export class EventParser {
  #decoder = new TextDecoder(); // which takes the byte order mark away
  #line = ""; // the beginning of a line that is not over
  #afterCR = false; // the line feed of a CR LF may be the first of the next bytes
  #type = "";
  #data = [];
  #size = 0; // of data, in characters
  #id;
  #lastID;
  #moved = false; // the block has an id

  /** @param {string} [id] of the last event of the stream before this one */
  constructor(id = "") {
    this.#id = this.#lastID = id;
  }

  /**
   * The id to go on from: that of the last event that was whole. One whose end was
   * cut off has to come again.
   */
  get lastID() {
    return this.#lastID;
  }

  /**
   * A block with an id and nothing else, which is no event to a browser, is one here: its
   * type is empty.
   *
   * @param {Uint8Array} bytes
   * @returns {{ type: string, data: string, id: string }[]} the events that are whole
   * @throws {Error} if an event is too big
   */
  push(bytes) {
    const events = [];
    let text = this.#decoder.decode(bytes, { stream: true });
    if (text === "") {
      return events;
    }
    if (this.#afterCR && text[0] === "\n") {
      text = text.slice(1);
    }
    this.#afterCR = text === "" ? false : text.endsWith("\r");
    const lines = text.split(/\r\n|\n|\r/);
    lines[0] = this.#line + lines[0];
    this.#line = lines.pop();
    for (const line of lines) {
      this.#take(line, events);
    }
    if (this.#size + this.#line.length > maxEvent) {
      throw new Error("The stream has an event that is too big.");
    }
    return events;
  }

  #take(line, events) {
    if (line === "") {
      this.#dispatch(events);
      return;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
    switch (field) {
      case "event":
        this.#type = value;
        break;
      case "data":
        this.#data.push(value);
        this.#size += value.length + 1;
        break;
      case "id":
        if (!value.includes("\0")) {
          this.#id = value;
          this.#moved = true;
        }
    } // anything else, a comment among it, says nothing; nor does "retry", because the delays are ours
  }

  #dispatch(events) {
    this.#lastID = this.#id;
    if (this.#data.length > 0) {
      events.push({ type: this.#type || "message", data: this.#data.join("\n"), id: this.#id });
    } else if (this.#moved) {
      events.push({ type: "", data: "null", id: this.#id });
    }
    this.#moved = false;
    this.#type = "";
    this.#data = [];
    this.#size = 0;
  }
}
