import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { beforeEach, mock, test } from "node:test";
import { promisify } from "node:util";

import { Presence } from "../rollcall.js";
import { FakeFetch, record, settle } from "./fakes.js";

let server;
let told;

beforeEach(() => {
  server = new FakeFetch();
  mock.reset();
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  mock.method(Math, "random", () => 1);
});

function watch(options) {
  const watching = new Presence("http://127.0.0.1:8000", { token: "secret", fetch: server.fetch }).watch(options);
  told = record(watching, "state", "snapshot", "join", "leave", "activity", "error");
  return watching;
}

const user = (email, minute = 0) => ({
  email,
  connected_at: "2025-10-21T12:00:00Z",
  last_activity: `2025-10-21T12:${String(minute).padStart(2, "0")}:00Z`,
});
const online = (watching) => [...watching.online.keys()].join(" ");
const sayings = () => told.map(([type, detail]) => type === "state" ? detail : type);

// A list that showed half of a snapshot would show the other half as gone.
test("a snapshot is shown when its last part has come", async () => {
  const stream = server.stream();
  const watching = watch();
  await settle();
  assert.equal(server.asked[0].url, "http://127.0.0.1:8000/api/v1/presence/stream");
  assert.equal(server.asked[0].headers.Authorization, "Token secret");
  stream.event("snapshot", { part: 1, last: false, users: [user("a"), user("b")] });
  await settle();
  assert.equal(online(watching), "");
  assert.equal(watching.state, "connecting");
  stream.event("snapshot", { part: 2, last: true, users: [user("c")] });
  await settle();
  assert.equal(online(watching), "a b c");
  assert.equal(watching.state, "live");
  assert.deepEqual(sayings(), ["snapshot", "live"]);
  watching.close();
});

// This is what watching is for.
test("joins, leaves and activity change the map", async () => {
  const stream = server.stream();
  const watching = watch();
  let changes = 0;
  watching.addEventListener("change", () => changes++);
  await settle();
  stream.event("snapshot", { part: 1, last: true, users: [user("a"), user("b")] });
  stream.event("join", user("c"), "1");
  stream.event("leave", { ...user("a"), reason: "closed", duration_ms: 1500 }, "2");
  stream.event("activity", user("b", 9), "3");
  stream.event("newer", {}, "4");
  await settle();
  assert.equal(online(watching), "b c");
  assert.equal(watching.online.get("b").last_activity, "2025-10-21T12:09:00Z");
  assert.deepEqual(sayings(), ["snapshot", "live", "join", "leave", "activity"]);
  assert.deepEqual(told[3][1], { ...user("a"), reason: "closed", duration_ms: 1500 });
  assert.equal(changes, 4);
  watching.close();
});

// A watcher that comes again has missed something, and must be told it once.
test("a stream that ends is resumed from its last event", async () => {
  const first = server.stream();
  const watching = watch();
  await settle();
  first.event("snapshot", { part: 1, last: true, users: [user("a")] });
  first.event("join", user("b"), "41");
  first.send("id: 42\n\n"); // what others did, of whom we do not ask
  first.send('event: join\nid: 43\ndata: {"em'); // cut off
  await settle();
  first.end();
  await settle();
  assert.equal(watching.state, "waiting");
  assert.equal(online(watching), "a b");
  const second = server.stream();
  mock.timers.tick(4999);
  await settle();
  assert.equal(server.asked.length, 1);
  mock.timers.tick(1);
  await settle();
  assert.equal(server.asked[1].headers["Last-Event-ID"], "42");
  second.send("retry: 1000\n\n");
  second.event("join", user("c"), "43");
  await settle();
  assert.equal(online(watching), "a b c");
  assert.equal(watching.state, "connecting", "more may have been missed");
  second.send("id: 43\n\n");
  await settle();
  assert.equal(watching.state, "live");
  watching.close();
});

// A server that was started anew knows nothing to go on from. Whoever reads the map when
// it is said to be live must never read the one of before.
test("a watch is live when its map is", async () => {
  const first = server.stream();
  const watching = watch();
  const states = [];
  watching.addEventListener("state", ({ detail }) => states.push(`${detail} ${watching.online.size}`));
  watching.addEventListener("change", ({ detail }) => states.push(`change ${detail.size}`));
  await settle();
  first.event("snapshot", { part: 1, last: true, users: [user("a")] }, "1");
  await settle();
  first.end();
  await settle();
  const second = server.stream();
  mock.timers.tick(5000);
  await settle();
  second.send("retry: 1000\n\n");
  await settle();
  second.send("event: reset\nid:\ndata: {}\n\n");
  second.event("snapshot", { part: 1, last: true, users: [] }, "other-1");
  await settle();
  assert.deepEqual(states, ["change 1", "live 1", "waiting 1", "connecting 1", "change 0", "live 0"]);
  watching.close();
});

// Who was away for too long would else keep those who left meanwhile for ever.
test("a reset empties the map for a new snapshot", async () => {
  const first = server.stream();
  const watching = watch();
  await settle();
  first.event("snapshot", { part: 1, last: true, users: [user("a"), user("b")] });
  first.event("activity", user("a"), "7");
  await settle();
  first.end();
  await settle();
  const second = server.stream();
  mock.timers.tick(5000);
  await settle();
  second.send("event: reset\nid:\ndata: {}\n\n");
  second.event("snapshot", { part: 1, last: false, users: [user("b")] });
  await settle();
  assert.equal(online(watching), "a b", "the old map stays until the new one is whole");
  assert.equal(watching.state, "connecting", "the old map is not live");
  second.end(); // and it never will be: the next stream begins with another
  await settle();
  const third = server.stream();
  mock.timers.tick(5000);
  await settle();
  assert.equal(server.asked[2].headers["Last-Event-ID"], undefined);
  third.event("snapshot", { part: 1, last: true, users: [user("c")] });
  await settle();
  assert.equal(online(watching), "c");
  watching.close();
});

// A connection that a middlebox has forgotten tells nobody; the server's comments
// tell that it lives.
test("a silent stream is given up after a minute", async () => {
  const stream = server.stream();
  const watching = watch();
  await settle();
  stream.event("snapshot", { part: 1, last: true, users: [] });
  await settle();
  for (let beats = 0; beats < 3; beats++) {
    mock.timers.tick(59999);
    stream.send(":\n\n");
    await settle();
  }
  assert.equal(watching.state, "live");
  mock.timers.tick(60000);
  await settle();
  assert.equal(watching.state, "waiting");
  assert.match(told.at(-1)[1].message, /fallen silent/);
  watching.close();
});

// To ask again would not make a token good, and would look like an attack.
test("a refusal is final and a full server is not", async () => {
  server.answer(503, { detail: "Too many watchers." }, { "Retry-After": "17" });
  const watching = watch({ emails: ["a+b@example.com", "c,d@example.com"] });
  await settle();
  assert.equal(server.asked[0].url, "http://127.0.0.1:8000/api/v1/presence/stream?emails=a%2Bb%40example.com,c%2Cd%40example.com");
  assert.deepEqual(sayings(), ["waiting", "error"]);
  server.answer(401, { detail: "Invalid token." });
  mock.timers.tick(16999);
  await settle();
  assert.equal(server.asked.length, 1);
  mock.timers.tick(1);
  await settle();
  assert.deepEqual(sayings().slice(2), ["connecting", "closed", "error"]);
  assert.equal(told.at(-1)[1].detail, "Invalid token.");
  mock.timers.tick(120000);
  await settle();
  assert.equal(server.asked.length, 2);
});

// What the question is at fault for stays; what was only its time does not.
test("an answer of its moment is asked for again", async () => {
  for (const [status, comes] of [[408, true], [425, true], [429, true], [500, true], [403, false], [410, false], [414, false], [431, false]]) {
    server.asked.length = 0;
    server.answer(status, {});
    const watching = watch();
    await settle();
    assert.equal(watching.state, comes ? "waiting" : "closed", `after ${status}`);
    if (comes) {
      server.stream();
    }
    mock.timers.tick(120000);
    await settle();
    assert.equal(server.asked.length, comes ? 2 : 1, `after ${status}`);
    watching.close();
  }
});

// A browser has six connections to one server: one that nobody reads is missing.
test("a stream that is no good is not left open", async () => {
  const stream = server.stream();
  const watching = watch();
  await settle();
  stream.send("event: snapshot\ndata: {\n\n");
  await settle();
  assert.equal(watching.state, "waiting");
  assert.ok(told.at(-1)[1] instanceof SyntaxError);
  assert.equal(server.asked[0].signal.aborted, true);
  watching.close();
});

// Close frees the connection, of which a browser has six to one server, and
// nothing is told afterwards.
test("close ends the request and is final", async () => {
  const stream = server.stream();
  const watching = watch();
  await settle();
  watching.addEventListener("snapshot", () => watching.close());
  stream.send(`event: snapshot\ndata: {"part":1,"last":true,"users":[]}\n\nevent: join\ndata: ${JSON.stringify(user("b"))}\n\n`);
  await settle();
  assert.equal(server.asked[0].signal.aborted, true);
  assert.deepEqual(sayings(), ["snapshot", "closed"]);
  mock.timers.tick(120000);
  await settle();
  assert.equal(server.asked.length, 1);

  server.fail(new TypeError("fetch failed"));
  const waiting = watch();
  await settle();
  assert.equal(waiting.state, "waiting");
  waiting.close();
  mock.timers.tick(120000);
  await settle();
  assert.equal(server.asked.length, 2);
  assert.deepEqual(sayings(), ["waiting", "error", "closed"]);
});

// A program that has closed everything ends, and does not wait for a next attempt.
test("a watch that is closed keeps no program", async () => {
  const program = `
    import { Presence } from ${JSON.stringify(new URL("../rollcall.js", import.meta.url))};
    Math.random = () => 1; // the next attempt is five seconds away
    const watch = new Presence("http://127.0.0.1:1", { token: "t", fetch: () => { throw new TypeError("away"); } }).watch();
    watch.addEventListener("error", () => {
      setImmediate(() => watch.close());
      setTimeout(() => console.log("it is kept"), 4000).unref();
    });`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program]);
  assert.equal(stdout, "");
});
