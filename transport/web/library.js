"use strict";

// A module that could not be loaded is asked for by another name next time,
// because a browser may remember that it failed.
let libraryFailures = 0;

// loadLibrary returns the client library. It is modules, which a page that is
// opened from disk may not load from its own folder: that one takes them from
// the server that it is to talk to. It throws what to say.
async function loadLibrary(server) {
  const place = location.protocol === "file:" ? server.page : document.baseURI;
  const again = libraryFailures === 0 ? "" : "?" + libraryFailures;
  try {
    return await import(new URL("rollcall/rollcall.js" + again, place).href);
  } catch {
    libraryFailures++;
    throw new Error(`The client library cannot be loaded from ${new URL(".", place)}. Is the server running?`);
  }
}
