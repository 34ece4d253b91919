// A server that does what a test says, in place of sockets and of fetch.

/** What a browser gives as a WebSocket. All that were made are in `made`. */
export class FakeSocket {
  static made = [];

  static get last() {
    return FakeSocket.made.at(-1);
  }

  sent = [];
  readyState = 0;
  bufferedAmount = 0;
  closedWith = null;

  constructor(url) {
    this.url = url;
    FakeSocket.made.push(this);
  }

  send(text) {
    this.sent.push(text);
  }

  close(code) {
    this.readyState = 2;
    this.closedWith = code ?? null;
  }

  greet(email = "user@example.com") {
    this.readyState = 1;
    this.onopen?.();
    this.say({ type: "connection_established", message: "Connected successfully as " + email });
  }

  say(frame) {
    this.onmessage?.({ data: typeof frame === "string" ? frame : JSON.stringify(frame) });
  }

  end(code, reason = "") {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }

  /** What Node 20 does when nobody listens there: it tells no close, and stays as it was. */
  refuse() {
    this.onerror({});
  }
}

/** The events that a target tells, as [type, detail]. */
export function record(target, ...types) {
  const told = [];
  for (const type of types) {
    target.addEventListener(type, ({ detail }) => told.push([type, detail]));
  }
  return told;
}

/** Lets everything happen that waits for no timer. */
export async function settle() {
  for (let turn = 0; turn < 5; turn++) {
    await new Promise(setImmediate);
  }
}

/** Fetch that answers as it is told, and keeps what it was asked. */
export class FakeFetch {
  asked = [];
  #answers = [];

  answer(status, body, headers = {}) {
    this.#answers.push(() => Response.json(body, { status, headers }));
  }

  fail(error) {
    this.#answers.push(() => { throw error; });
  }

  /** The next answer is a stream, which is returned. */
  stream() {
    const stream = new FakeStream();
    this.#answers.push((signal) => stream.open(signal));
    return stream;
  }

  fetch = async (url, options) => {
    this.asked.push({ url, ...options });
    const answer = this.#answers.shift();
    if (!answer) {
      throw new Error("The test expects no further request: " + url);
    }
    return answer(options.signal);
  };
}

class FakeStream {
  #controller;
  #body = new ReadableStream({ start: (controller) => { this.#controller = controller; } });

  open(signal) {
    signal.addEventListener("abort", () => this.#controller.error(signal.reason));
    return new Response(this.#body);
  }

  send(text) {
    this.#controller.enqueue(new TextEncoder().encode(text));
  }

  /** One event, whole. */
  event(type, data, id) {
    this.send(`event: ${type}\n${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`);
  }

  end() {
    this.#controller.close();
  }
}
