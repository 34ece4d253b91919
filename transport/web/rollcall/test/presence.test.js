import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Presence, RollcallError } from "../rollcall.js";
import { FakeFetch } from "./fakes.js";

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
  await assert.rejects(presence.push(undefined, "x"), TypeError);
  assert.equal(server.asked.length, 4);
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
  assert.throws(() => new Presence("http://a", {}), /ASCII/);
});
