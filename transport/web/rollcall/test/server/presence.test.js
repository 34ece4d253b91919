// Against a real server, which a Go test starts and names in the environment.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Connection, Presence } from "../../rollcall.js";

const { ROLLCALL_URL: server, ROLLCALL_EMAIL: email, ROLLCALL_TOKEN: token } = process.env;
const other = "user1@example.com";
const patience = 20000; // milliseconds, which nothing takes when all is well

/** Waits for an event whose detail fits. */
function heard(target, type, fits = () => true) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no such ${type} came`)), patience);
    target.addEventListener(type, function listen({ detail }) {
      if (fits(detail)) {
        clearTimeout(timer);
        target.removeEventListener(type, listen);
        resolve(detail);
      }
    });
  });
}

async function connect(t, user) {
  const connection = new Connection(server, { email: user });
  t.after(() => connection.close());
  await heard(connection, "greeting");
  return connection;
}

/** Watches until the test ends, from the snapshot on. */
async function watching(t, { fetch, ...options } = {}) {
  const watch = new Presence(server, { token, fetch }).watch(options);
  t.after(() => watch.close());
  await heard(watch, "snapshot");
  return watch;
}

// What the library reads is what this server writes: each kind of event once.
test("a watch sees a user come, speak and go", async (t) => {
  const watch = await watching(t, { emails: [email] });
  const strangers = [];
  watch.addEventListener("join", ({ detail }) => detail.email === other && strangers.push(detail));

  const stranger = await connect(t, other); // whom this watch has not asked for
  const joined = heard(watch, "join");
  const connection = await connect(t, email);
  const { connected_at: since } = await joined;
  assert.equal(watch.online.get(email).connected_at, since);

  const active = heard(watch, "activity");
  connection.send("here");
  assert.ok((await active).last_activity > since);

  const left = heard(watch, "leave");
  connection.close();
  const { reason, duration_ms: duration } = await left;
  assert.equal(reason, "closed");
  assert.ok(Number.isInteger(duration) && duration >= 0, `the duration is ${duration}`);
  assert.equal(watch.online.size, 0);
  assert.deepEqual(strangers, []);
  stranger.close();
  await heard(stranger, "close");
});

// A watcher whose network fails for a moment must not believe in who left meanwhile.
test("a watch that is cut misses nothing", async (t) => {
  let cut;
  const lossy = async (url, options) => {
    const response = await fetch(url, options);
    const { readable, writable } = new TransformStream();
    const aborted = new AbortController();
    cut = () => aborted.abort();
    response.body.pipeTo(writable, { signal: aborted.signal }).catch(() => {});
    return new Response(readable, response);
  };
  const watch = await watching(t, { fetch: lossy });
  const snapshots = [];
  watch.addEventListener("snapshot", ({ detail }) => snapshots.push(detail));
  const waits = heard(watch, "state", (state) => state === "waiting");
  const first = heard(watch, "join", (user) => user.email === email);
  cut(); // before the first event: it goes on from the snapshot
  await waits;
  const connection = await connect(t, email);
  await first;
  const waitsAgain = heard(watch, "state", (state) => state === "waiting");
  cut(); // and now from that event
  await waitsAgain;

  const [left, joined] = [heard(watch, "leave"), heard(watch, "join")];
  connection.close();
  await heard(connection, "close");
  const stranger = await connect(t, other);
  assert.equal((await left).email, email);
  assert.equal((await joined).email, other);
  assert.deepEqual([...watch.online.keys()], [other]);
  assert.deepEqual(snapshots, [], "it has begun anew instead of going on");
  stranger.close();
  await heard(stranger, "close");
});

// The rest of the API, as an application uses it.
test("one asks for users, and speaks to them", async (t) => {
  const presence = new Presence(server, { token });
  const connection = await connect(t, email);
  const states = await presence.query(["nobody@example.invalid", email, other]);
  assert.deepEqual(states.map(({ email, online, known }) => [email, online, known]), [
    ["nobody@example.invalid", false, false], [email, true, true], [other, false, true],
  ]);
  assert.deepEqual((await presence.list()).map((user) => user.email), [email]);
  const { sessions } = await presence.user(email);
  assert.equal(sessions.length, 1);
  await assert.rejects(presence.user("nobody@example.invalid"), { status: 404, detail: "No such user." });
  await assert.rejects(presence.query(Array(1001).fill(email)), { status: 400, detail: "emails: may have 1000 e-mails at the most." });

  for (const to of [email, [email, other], Presence.everybody]) {
    const pushed = heard(connection, "push");
    assert.equal(await presence.push(to, ["é", 1], { id: "7" }), 1);
    assert.deepEqual(await pushed, { message: ["é", 1], id: "7" });
  }
  assert.equal(await presence.push([], "nobody"), 0);

  const stranger = await connect(t, other);
  const first = await presence.page({ limit: 1 });
  const second = await presence.page({ limit: 1, after: first.next });
  assert.deepEqual([...first.users, ...second.users].map((user) => user.email), [email, other].sort());
  assert.equal(second.next, null);
  assert.deepEqual((await presence.page({ prefix: other })).users.map((user) => user.email), [other]);
  stranger.close();
  await heard(stranger, "close");

  const closed = heard(connection, "close");
  await presence.disconnectSession(sessions[0].id, "for lunch");
  const { code, reason, again } = await closed;
  assert.deepEqual([code, reason, again], [4005, "for lunch", null]);

  const [{ id, connected_at: since }] = sessions;
  let ended = []; // in the history once its row has gone
  for (const deadline = Date.now() + patience; ended.length === 0 && Date.now() < deadline;) {
    ended = (await presence.history({ email, from: since, to: new Date(), limit: 1 })).sessions;
  }
  assert.deepEqual(ended.map((session) => [session.id, session.reason]), [[id, "kicked"]]);
  assert.deepEqual((await presence.history({ email, to: new Date(0) })).sessions, []);
});
