// Where nobody listens, as the platform itself tells it.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { promisify } from "node:util";

// A person who stops a program, or a server that comes back, cannot wait for the
// platform's own ideas of an attempt: this is the real one.
test("a real refusal brings the next attempt, and lets a program end", async () => {
  const program = `
    import { Connection } from ${JSON.stringify(new URL("../rollcall.js", import.meta.url))};
    Math.random = () => 0.01; // the next attempts are near
    setTimeout(() => {
      console.log("it is kept");
      process.exit();
    }, 10000).unref();
    const connection = new Connection("http://127.0.0.1:${await deadPort()}");
    let closes = 0;
    connection.addEventListener("close", ({ detail: { code, opened, again } }) => {
      console.log(code, opened, again);
      if (++closes === 2) {
        connection.addEventListener("state", ({ detail }) => detail === "connecting" && queueMicrotask(() => {
          connection.close();
          console.log(connection.state);
        }));
      }
    });`;
  const { stdout } = await promisify(execFile)(process.execPath,
    ["--no-warnings", "--experimental-websocket", "--input-type=module", "--eval", program]);
  assert.equal(stdout, "1006 false 10\n1006 false 20\n1006 false null\nclosed\n");
});

/** A port of this machine where nobody listens. */
async function deadPort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  await new Promise((resolve) => { server.close(resolve); });
  return port;
}
