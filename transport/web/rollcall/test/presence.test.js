import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Presence, RollcallError } from "../rollcall.js";
import { FakeFetch, settle } from "./fakes.js";

let server;
let presence;

beforeEach(() => {
  server = new FakeFetch();
  presence = new Presence("ws://127.0.0.1:8000/folder/", { token: "secret", fetch: server.fetch });
});

// asked is the last request in one line, without the server.
function asked() {
  const { method, url, body } = server.asked.at(-1);
  return [method, url.replace("http://127.0.0.1:8000/folder", ""), body].join(" ").trim();
}

// Each method is one request of the API, and what it answers is what one asks for.
test("every method is one request", async () => {
  server.answer(200, { status: "success", count: 1, active_connections: [{ email: "a" }] });
  assert.deepEqual(await presence.list(), [{ email: "a" }]);
  assert.equal(asked(), "GET /api/hms/active-connections");

  server.answer(200, { email: "a/b", online: true });
  assert.deepEqual(await presence.user("a/b+c@example.com"), { email: "a/b", online: true });
  assert.equal(asked(), "GET /api/v1/presence/a%2Fb%2Bc%40example.com");

  server.answer(200, { users: [{ email: "a", online: false }] });
  assert.deepEqual(await presence.query(["a"]), [{ email: "a", online: false }]);
  assert.equal(asked(), 'POST /api/v1/presence/query {"emails":["a"]}');
  assert.equal(server.asked.at(-1).headers["Content-Type"], "application/json");

  server.answer(200, { sessions: 2 });
  assert.equal(await presence.disconnect("a@b", "for lunch"), 2);
  assert.equal(asked(), "DELETE /api/v1/presence/a%40b?reason=for%20lunch");

  server.answer(200, { sessions: 1 });
  assert.equal(await presence.disconnectSession("7"), undefined);
  assert.equal(asked(), "DELETE /api/v1/sessions/7");

  server.answer(200, { users: [{ email: "a" }], next: "Yg" });
  assert.deepEqual(await presence.page({ limit: 1, prefix: "a+b c" }), { users: [{ email: "a" }], next: "Yg" });
  assert.equal(asked(), "GET /api/v1/presence?limit=1&prefix=a%2Bb%20c");
  server.answer(200, { users: [], next: null });
  await presence.page({ after: "Yg" });
  assert.equal(asked(), "GET /api/v1/presence?after=Yg");
  server.answer(200, { users: [], next: null });
  await presence.page({ after: null });
  assert.equal(asked(), "GET /api/v1/presence");

  server.answer(200, { sessions: [{ id: "7" }], next: null });
  assert.deepEqual(await presence.history({
    email: "a@b", from: new Date(0), to: "2025-10-21T12:30:00+02:00", limit: 2, after: "Yg",
  }), { sessions: [{ id: "7" }], next: null });
  assert.equal(asked(), "GET /api/v1/history?email=a%40b&from=1970-01-01T00%3A00%3A00.000Z"
    + "&to=2025-10-21T12%3A30%3A00%2B02%3A00&limit=2&after=Yg");
  server.answer(200, { sessions: [], next: null });
  await presence.history();
  assert.equal(asked(), "GET /api/v1/history");
  server.answer(400, { detail: "email: cannot be an e-mail." });
  await assert.rejects(presence.history({ email: "" }), { status: 400 });
  assert.equal(asked(), "GET /api/v1/history?email=", "one who was forgotten has become everybody");

  for (const request of server.asked) {
    assert.equal(request.headers.Authorization, "Token secret");
    assert.equal(request.credentials, "omit");
  }
});

// A list that is empty, or was forgotten, must not become everybody.
test("everybody is pushed to only by name", async () => {
  for (const [to, request] of [
    ["a@b", 'POST /api/v1/users/a%40b/messages {"message":{"x":1},"id":"7"}'],
    [["a", "b"], 'POST /api/v1/messages {"emails":["a","b"],"message":{"x":1},"id":"7"}'],
    [[], 'POST /api/v1/messages {"emails":[],"message":{"x":1},"id":"7"}'],
    [Presence.everybody, 'POST /api/v1/messages {"message":{"x":1},"id":"7"}'],
  ]) {
    server.answer(200, { id: "7", sessions: 3 });
    assert.equal(await presence.push(to, { x: 1 }, { id: "7" }), 3);
    assert.equal(asked(), request);
  }
  for (const to of [undefined, null, 7, Symbol("all")]) {
    await assert.rejects(presence.push(to, "x"), { name: "TypeError", message: /^A message goes to .*, and not / });
  }
  for (const message of [undefined, () => {}, Symbol("x"), 1n]) {
    await assert.rejects(presence.push("a@b", message), { name: "TypeError" });
  }
  await assert.rejects(presence.push(["a@b", undefined], "x"), { name: "TypeError", message: /and not a list with undefined/ });
  assert.equal(server.asked.length, 4);
});

// A path without a name, or with dots for one, is another request's: a message to
// ".." would be one to everybody.
test("what is no name is not asked for", async () => {
  for (const name of ["", ".", "..", undefined, null]) {
    for (const method of ["user", "disconnect", "disconnectSession"]) {
      await assert.rejects(presence[method](name), { name: "TypeError", message: /^An e-mail or an id is wanted, and not / });
    }
  }
  for (const name of ["", ".", ".."]) {
    await assert.rejects(presence.push(name, "x"), { name: "TypeError", message: /^An e-mail or an id is wanted/ });
  }
  assert.equal(server.asked.length, 0);
});

// An e-mail is a list of letters to JavaScript, and null would be everybody.
test("a list is any iterable of strings, and no string", async () => {
  for (const emails of ["a@b", null, 7, ["a", null], new Set([1])]) {
    await assert.rejects(presence.query(emails), { name: "TypeError", message: /^A list of e-mails is wanted, and not / });
    assert.throws(() => presence.watch({ emails }), { name: "TypeError", message: /^A list of e-mails is wanted, and not / });
  }
  server.answer(200, { users: [] });
  assert.deepEqual(await presence.query(new Set(["a"])), []);
  assert.equal(asked(), 'POST /api/v1/presence/query {"emails":["a"]}');
  server.answer(401, {});
  presence.watch({ emails: new Set(["a", "b,c"]) });
  await settle();
  assert.equal(asked(), "GET /api/v1/presence/stream?emails=a,b%2Cc");
  assert.equal(server.asked.length, 2);
});

// Whoever handles a RollcallError has handled a server that is down as well.
test("no answer is an error of the library, with its cause", async () => {
  const cause = new TypeError("fetch failed");
  server.fail(cause);
  await assert.rejects(presence.list(), (error) => error instanceof RollcallError && error.status === 0
    && error.message === "No answer came from the server: fetch failed" && error.retryAfter === null && error.cause === cause);
  const answers = (body) => new Presence("http://a", { token: "secret", fetch: () => new Response(body) });
  await assert.rejects(answers("a proxy's page").list(), (error) => error.status === 0 && error.cause instanceof SyntaxError);
});

// What the server says is what a person can act on; a proxy may answer in its stead.
test("an error carries what the server says", async () => {
  server.answer(404, { detail: "No such user." });
  await assert.rejects(presence.user("a"), (error) => error instanceof RollcallError && error.status === 404
    && error.detail === "No such user." && error.message === error.detail && error.retryAfter === null);
  server.answer(503, { detail: "Later." }, { "Retry-After": "5" });
  await assert.rejects(presence.list(), { status: 503, retryAfter: 5 });
  server.answer(502, "a proxy's page", { "Retry-After": "Wed, 21 Oct 2025 07:28:00 GMT" });
  await assert.rejects(presence.list(), { status: 502, detail: "The server answered 502.", retryAfter: null });
  assert.throws(() => new Presence("http://a", { token: "tökén" }), /ASCII/);
  assert.throws(() => new Presence("http://a", { token: null }), /ASCII/);
  for (const options of [undefined, {}]) {
    assert.throws(() => new Presence("http://a", options), { name: "TypeError", message: /^A token is wanted/ });
  }
});
