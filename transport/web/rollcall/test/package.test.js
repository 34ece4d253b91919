import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import * as library from "../rollcall.js";

// A file that is missing breaks the import of everybody; one too many is a leak.
test("the package has the library's files and no others", () => {
  const folder = fileURLToPath(new URL("..", import.meta.url));
  const [packed] = JSON.parse(execFileSync("npm", ["pack", "--dry-run", "--json", "--offline"], { cwd: folder }));
  assert.deepEqual(packed.files.map(({ path }) => path).sort(), [
    "README.md", "backoff.js", "closes.js", "connection.js", "events.js", "package.json", "place.js",
    "presence.js", "rollcall.d.ts", "rollcall.js", "watch.js",
  ]);
});

// A page of npm, or of an editor, has no folder of ours around it.
test("the package's page leads nowhere that is not packed", () => {
  const page = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const links = [...page.matchAll(/\]\(([^)]*)\)|^\[[^\]]*\]:\s*(\S+)/gm)].map(([, inline, below]) => inline ?? below);
  assert.deepEqual(links.filter((link) => !URL.canParse(link)), []);
});

// Types that have fallen behind are worse than none: an editor believes them.
test("the types name what there is", () => {
  const types = readFileSync(new URL("../rollcall.d.ts", import.meta.url), "utf8");
  const classes = [...types.matchAll(/^export class (\w+) .*?^}/gms)];
  assert.deepEqual(classes.map(([, name]) => name).sort(), Object.keys(library).sort());
  for (const [text, name] of classes) {
    const typed = [...text.matchAll(/^  (?:static )?(?:readonly )?(\w+)[(:]/gm)].map(([, member]) => member);
    const own = Object.getOwnPropertyNames(library[name].prototype);
    const fields = { Watch: ["online"], Presence: ["everybody"], RollcallError: ["status", "detail", "retryAfter"] }[name] ?? [];
    assert.deepEqual(typed.sort(), [...own, ...fields].sort(), name);
  }
});
