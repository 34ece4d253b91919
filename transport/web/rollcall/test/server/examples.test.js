// The examples of docs/client.md, run as they stand there but for the addresses.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const { ROLLCALL_URL: server, ROLLCALL_EMAIL: email, ROLLCALL_TOKEN: token } = process.env;
const patience = 20000; // milliseconds, which nothing takes when all is well

const page = readFileSync(new URL("../../../../../docs/client.md", import.meta.url), "utf8");
const examples = [...page.matchAll(/^```javascript\n(.*?)^```$/gms)].map(([, code]) => code
  .replaceAll("http://127.0.0.1:8000/rollcall/rollcall.js", new URL("../../rollcall.js", import.meta.url).href) // Node imports nothing over HTTP
  .replaceAll("http://127.0.0.1:8000", server)
  .replaceAll("user@example.com", email)
  .replaceAll("0123…", token));

// start runs an example as a program of its own.
function start(t, code) {
  const program = spawn(process.execPath, ["--no-warnings", "--experimental-websocket", "--input-type=module", "--eval", code]);
  let said = "";
  let look = () => {};
  for (const output of [program.stdout, program.stderr]) {
    output.setEncoding("utf8").on("data", (text) => {
      said += text;
      look();
    });
  }
  const exited = new Promise((resolve) => { program.on("exit", resolve); });
  t.after(() => program.kill());
  const says = (text) => new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`it does not say ${text}, but:\n${said}`)), patience);
    look = () => {
      if (said.includes(text)) {
        clearTimeout(timer);
        resolve();
      }
    };
    look();
  });
  return { says, exited };
}

// An example that does not work is what a reader tries first.
test("the examples of the manual do what it says", async (t) => {
  assert.equal(examples.length, 3);
  const user = start(t, examples[0]);
  await user.says(`here as ${email}\nServer received: Hello Server!\n`);
  const watcher = start(t, examples[1]);
  await watcher.says(`online: [ '${email}' ]\n`);
  const operator = start(t, examples[2]);
  await user.says("told { lunch: 'now' }\n4005 for lunch null\n");
  await operator.says("true 1 1\n");
  await watcher.says(`${email} left: kicked\nonline: []\n`);
  assert.equal(await user.exited, 0, "what is closed for ever keeps the program");
  assert.equal(await operator.exited, 0);
});
