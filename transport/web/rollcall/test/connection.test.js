import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { beforeEach, mock, test } from "node:test";

import { Connection } from "../rollcall.js";
import { FakeSocket, record } from "./fakes.js";

// Chance is what is drawn at random from 0 to 1, unless a test says otherwise.
let chance;

beforeEach((t) => {
  FakeSocket.made = [];
  chance = 0.5;
  mock.reset();
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  mock.method(Math, "random", () => chance);
});

function connect() {
  return new Connection("http://127.0.0.1:8000", { email: "user@example.com", WebSocket: FakeSocket });
}

// docs/protocol.md is what others build clients by: ours obeys each of its rows.
test("every close code is answered as the protocol says", () => {
  const protocol = readFileSync(new URL("../../../../docs/protocol.md", import.meta.url), "utf8");
  const rows = [...protocol.matchAll(/^\| (\d{4}) \|.*\| ([^|]+) \|$/gm)].map(([, code, again]) => [Number(code), again]);
  assert.ok(rows.length >= 12, `the protocol has only ${rows.length} close codes`);
  const delays = {
    "yes": [0, 1000],
    "yes, after a random delay": [0, 5000],
    "yes, backing off": [500, 1000],
  };
  for (const [code, again] of [...rows, [1005, "no"], [1006, "yes"], [4002, "no"], [4005, "no"], [4999, "no"]]) {
    for (const drawn of [0, 1]) {
      chance = drawn;
      const connection = connect();
      const told = record(connection, "close");
      FakeSocket.last.greet();
      FakeSocket.last.end(code, "why");
      const delay = again === "no" ? null : delays[again][drawn];
      assert.deepEqual(told, [["close", { code, reason: "why", opened: true, again: delay }]], `${code}: ${again}`);
      assert.equal(connection.state, delay === null ? "closed" : "waiting", String(code));
      connection.close();
    }
  }
});

// A server that is in trouble must not be asked faster the longer it lasts, and a
// client must come back within half a minute of its end.
test("delays double up to thirty seconds", () => {
  chance = 1;
  const connection = connect();
  const told = record(connection, "close");
  for (const delay of [1000, 2000, 4000, 8000, 16000, 30000, 30000]) {
    const before = FakeSocket.made.length;
    FakeSocket.last.end(1006);
    assert.equal(told.at(-1)[1].again, delay);
    mock.timers.tick(delay - 1);
    assert.equal(FakeSocket.made.length, before, `an attempt comes before ${delay} ms`);
    mock.timers.tick(1);
    assert.equal(FakeSocket.made.length, before + 1, `no attempt after ${delay} ms`);
    assert.equal(connection.state, "connecting");
  }
  connection.close();
});

// A server that greets and fails at once would else be asked for ever at the pace
// of the first delay.
test("only a connection that lasts makes failures forgotten", () => {
  chance = 1;
  const connection = connect();
  const told = record(connection, "close");
  const endAfter = (milliseconds) => {
    FakeSocket.last.greet();
    mock.timers.tick(milliseconds);
    FakeSocket.last.end(1011);
    mock.timers.tick(told.at(-1)[1].again);
    return told.at(-1)[1].again;
  };
  assert.deepEqual([0, 9999, 10000, 0].map(endAfter), [1000, 2000, 1000, 2000]);
  connection.close();
});

// A phone in a tunnel has no use for attempts, and all of a train's phones leave
// the tunnel together.
test("no attempt is made while the browser is offline", (t) => {
  const browser = new EventTarget();
  const navigator = { onLine: true };
  let listeners = 0;
  for (const [name, value] of Object.entries({
    navigator,
    addEventListener: (...listener) => {
      listeners++;
      browser.addEventListener(...listener);
    },
    removeEventListener: (...listener) => {
      listeners--;
      browser.removeEventListener(...listener);
    },
  })) {
    Object.defineProperty(globalThis, name, { value, configurable: true });
  }
  t.after(() => ["navigator", "addEventListener", "removeEventListener"].forEach((name) => delete globalThis[name]));
  const turn = (onLine) => {
    navigator.onLine = onLine;
    browser.dispatchEvent(new Event(onLine ? "online" : "offline"));
  };

  const connection = connect();
  FakeSocket.last.greet();
  turn(false);
  turn(true);
  turn(false);
  assert.equal(connection.state, "connected", "an open socket is left alone");
  FakeSocket.last.end(1006);
  assert.equal(connection.state, "offline");
  mock.timers.tick(60000);
  assert.equal(FakeSocket.made.length, 1);
  turn(true);
  assert.equal(connection.state, "waiting");
  mock.timers.tick(499);
  assert.equal(FakeSocket.made.length, 1);
  mock.timers.tick(1);
  assert.equal(FakeSocket.made.length, 2);

  FakeSocket.last.end(1006);
  turn(false);
  assert.equal(connection.state, "offline");
  mock.timers.tick(60000);
  assert.equal(FakeSocket.made.length, 2);

  const born = connect();
  assert.equal(born.state, "offline");
  born.close();
  connection.close();
  assert.equal(listeners, 0, "a closed connection still listens to the browser");
  turn(true);
  mock.timers.tick(60000);
  assert.equal(FakeSocket.made.length, 2, "a closed connection comes again");
});

// What is sent early waits for the greeting, and for a bounded time: an application
// that sends into the void must learn so.
test("a hundred messages wait for the greeting and no more", () => {
  const connection = connect();
  for (let n = 0; n < 100; n++) {
    assert.equal(connection.send(n), true, `message ${n}`);
  }
  assert.equal(connection.send(100), false);
  FakeSocket.last.end(1006);
  mock.timers.tick(1000);
  assert.deepEqual(FakeSocket.last.sent, []);
  FakeSocket.last.greet();
  assert.deepEqual(FakeSocket.last.sent, Array.from({ length: 100 }, (_, n) => `{"message":${n}}`));
  assert.equal(connection.send("now"), true);
  assert.equal(FakeSocket.last.sent.at(-1), '{"message":"now"}');
  FakeSocket.last.bufferedAmount = 1 << 20;
  assert.equal(connection.send("too much"), false);
  connection.close();
  assert.equal(connection.send("late"), false);
});

// Close is the application's last word, whatever is under way.
test("close is final in every state", () => {
  const states = {
    connecting: () => {},
    connected: () => FakeSocket.last.greet(),
    waiting: () => FakeSocket.last.end(1006),
  };
  for (const [state, reach] of Object.entries(states)) {
    const connection = connect();
    reach();
    assert.equal(connection.state, state);
    const told = record(connection, "close", "state");
    connection.close();
    connection.close();
    if (state === "connected") {
      assert.equal(FakeSocket.last.closedWith, 1000);
      assert.equal(connection.state, "closing");
      FakeSocket.last.end(1006);
    }
    assert.equal(FakeSocket.last.readyState, state === "connecting" ? 2 : 3, `the socket is left open after a close while ${state}`);
    const closes = told.filter(([type]) => type === "close").map(([, { code, again }]) => [code, again]);
    assert.deepEqual(closes, state === "waiting" ? [] : [[1006, null]]);
    assert.deepEqual(told.at(-1), ["state", "closed"]);
    const made = FakeSocket.made.length;
    mock.timers.tick(120000);
    assert.equal(FakeSocket.made.length, made, `after a close while ${state} it comes again`);
  }
});

// An application may have seen enough when it hears of a close.
test("close may be called by who is told of a close", () => {
  const connection = connect();
  connection.addEventListener("close", () => connection.close());
  FakeSocket.last.end(1006);
  assert.equal(connection.state, "closed");
  mock.timers.tick(60000);
  assert.equal(FakeSocket.made.length, 1);
});

// A network that swallows everything tells nobody.
test("an attempt without a greeting is given up", () => {
  const connection = connect();
  const told = record(connection, "close");
  const silent = FakeSocket.last;
  mock.timers.tick(19999);
  assert.equal(told.length, 0);
  mock.timers.tick(1);
  assert.deepEqual(told, [["close", { code: 1006, reason: "No greeting in time", opened: false, again: 500 }]]);
  assert.equal(silent.readyState, 2, "the socket is left open");
  silent.end(1006);
  assert.equal(told.length, 1, "it is told twice");
  connection.close();
});

// Node 20 tells of a server that is down by an error alone, and browsers by an error
// and a close: neither may keep the next attempt waiting, or make it two.
test("an error before the socket opens ends the attempt once", () => {
  const connection = connect();
  const told = record(connection, "close");
  for (const delay of [500, 1000]) {
    const refused = FakeSocket.last;
    told.length = 0;
    refused.refuse();
    assert.equal(connection.state, "waiting");
    assert.equal(refused.readyState, 2, "the socket is kept");
    refused.refuse();
    refused.end(1006);
    refused.greet();
    assert.deepEqual(told, [["close", { code: 1006, reason: "", opened: false, again: delay }]]);
    assert.equal(connection.state, "waiting", "a socket that was dropped is heard");
    mock.timers.tick(delay);
    assert.equal(connection.state, "connecting");
  }
  assert.equal(FakeSocket.made.length, 3);
  FakeSocket.last.greet();
  FakeSocket.last.refuse();
  assert.equal(connection.state, "connected", "an open socket's error is not followed by its close");
  FakeSocket.last.end(1011);
  assert.equal(told.at(-1)[1].code, 1011);
  connection.close();
});

// Node 20 waits for ever for a peer's answer to a close, and a program that has
// closed everything would never end.
test("a farewell is waited for two seconds and no more", () => {
  const connection = connect();
  const told = record(connection, "close", "state");
  FakeSocket.last.readyState = 1; // it is open, and the greeting comes too late
  FakeSocket.last.onopen();
  connection.close();
  FakeSocket.last.greet();
  mock.timers.tick(1999);
  assert.deepEqual(told, [["state", "closing"]]);
  mock.timers.tick(1);
  const close = { code: 1006, reason: "No farewell in time", opened: true, again: null };
  assert.deepEqual(told.slice(1), [["close", close], ["state", "closed"]]);
  FakeSocket.last.end(1000);
  assert.equal(told.length, 3, "it is told twice");
});

// Each kind of frame reaches who asked for it; a frame of a newer server, or of
// none, disturbs nobody.
test("frames become events", () => {
  const connection = connect();
  const told = record(connection, "greeting", "push", "reply", "error", "state", "frame");
  FakeSocket.last.greet("User@example.com");
  assert.deepEqual(told.splice(0).slice(1), [["state", "connected"], ["greeting", { email: "User@example.com" }]]);
  assert.equal(connection.email, "User@example.com");
  FakeSocket.last.say({ type: "push", message: { any: ["value"] }, id: "7" });
  FakeSocket.last.say({ type: "message", message: "Server received: hi", from: "User@example.com" });
  FakeSocket.last.say({ type: "error", message: "Invalid JSON format" });
  FakeSocket.last.say({ type: "newer" });
  FakeSocket.last.say("null");
  FakeSocket.last.say("{");
  assert.deepEqual(told.filter(([type]) => type !== "frame"), [
    ["push", { message: { any: ["value"] }, id: "7" }],
    ["reply", { message: "Server received: hi", from: "User@example.com" }],
    ["error", { message: "Invalid JSON format" }],
  ]);
  assert.equal(told.filter(([type]) => type === "frame").length, 6);
  connection.close();
});

// The address is one that a person has, and an e-mail has signs of its own.
test("the socket's address is made from any address of the server", () => {
  for (const [server, url] of [
    ["http://127.0.0.1:8000", "ws://127.0.0.1:8000/ws/connect/"],
    ["https://example.com/rollcall/", "wss://example.com/rollcall/ws/connect/"],
    ["wss://example.com", "wss://example.com/ws/connect/"],
  ]) {
    const connection = new Connection(server, { email: "a+b&c@example.com", WebSocket: FakeSocket });
    assert.equal(connection.url, url + "?email=a%2Bb%26c%40example.com");
    connection.close();
  }
  assert.throws(() => new Connection("ftp://example.com", { WebSocket: FakeSocket }), /should begin with http/);
  assert.throws(() => new Connection("http://example.com", { WebSocket: null }), /There is no WebSocket/);
});
