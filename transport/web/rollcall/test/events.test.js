import assert from "node:assert/strict";
import { test } from "node:test";

import { EventParser } from "../events.js";

// Every rule of WHATWG HTML section 9.2.6 that can go wrong at a cut.
const stream = "\uFEFF: a comment\n"
  + "event: join\nid: 1\ndata: {\"who\":\"Zoë 🐦\"}\n\n" // characters of several bytes
  + "data: first\r\ndata:second\r\ndata\r\n\r\n" // a blank is taken away, once; no colon is an empty value
  + "id: 2\revent: leave\rdata:  two blanks\r\r"
  + "event: dropped\n\n" // without data it is none, and its type goes with it
  + "data: plain\nid: bad\0id\nretry: 5\nunknown: x\n\n"
  + "id: 3\n\n" // an id alone counts, and is told
  + "id\ndata: without an id\n\n"
  + "id: 4\ndata: cut off\n";

const events = [
  { type: "join", data: '{"who":"Zoë 🐦"}', id: "1" },
  { type: "message", data: "first\nsecond\n", id: "1" },
  { type: "leave", data: " two blanks", id: "2" },
  { type: "message", data: "plain", id: "2" },
  { type: "", data: "null", id: "3" },
  { type: "message", data: "without an id", id: "" },
];

const bytes = new TextEncoder().encode(stream);

// The network cuts where it likes, also within a character or between CR and LF.
test("a stream that is cut at any byte says the same", () => {
  for (let cut = 0; cut <= bytes.length; cut++) {
    const parser = new EventParser();
    const got = [...parser.push(bytes.subarray(0, cut)), ...parser.push(bytes.subarray(cut))];
    assert.deepEqual(got, events, `cut at ${cut}`);
  }
});

test("a stream that comes byte by byte says the same", () => {
  const parser = new EventParser();
  assert.deepEqual([...bytes].flatMap((byte) => parser.push(Uint8Array.of(byte))), events);
});

// To go on from an event that was cut off would be to miss it.
test("the id to go on from is that of the last whole event", () => {
  const parser = new EventParser("0");
  const ids = [];
  for (const byte of bytes) {
    parser.push(Uint8Array.of(byte));
    if (ids.at(-1) !== parser.lastID) {
      ids.push(parser.lastID);
    }
  }
  assert.deepEqual(ids, ["0", "1", "2", "3", ""]);
});

// A server that never ends its event must not fill the memory.
test("an event that is too big is refused", () => {
  const endless = new EventParser();
  const part = new TextEncoder().encode("data: " + "x".repeat(1 << 20));
  assert.throws(() => {
    for (let n = 0; n < 20; n++) {
      endless.push(part);
    }
  }, /too big/);
  const lines = new EventParser();
  const line = new TextEncoder().encode("data\n".repeat(1 << 20));
  assert.throws(() => {
    for (let n = 0; n < 20; n++) {
      lines.push(line);
    }
  }, /too big/);
});
