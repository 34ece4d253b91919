"use strict";

// The page: one connection at the most, and what its buttons do.

const $ = (id) => document.getElementById(id);

const log = new Log($("log"));
const online = new Online({
  list: $("online"), count: $("online-count"), status: $("online-status"), more: $("online-more"),
});
const tabs = new Tabs((count) => {
  if ($("tabs").textContent !== String(count)) {
    $("tabs").textContent = count;
  }
});

let attempt = null; // what Connect began, until it is over
let connection = null; // of the attempt, once the library is there
let user = null; // the e-mail that the server greeted this tab by, while connected

// show writes the state of the connection wherever it is seen. The states are
// idle, connecting, connected, waiting, closing, closed and failed.
function show(state, title, detail) {
  const connected = user !== null;
  $("status").dataset.state = state;
  $("status-title").textContent = title;
  $("status-detail").textContent = detail;
  // Unavailable buttons stay focusable, so that the keyboard keeps its place.
  $("connect").ariaDisabled = attempt !== null;
  $("disconnect").ariaDisabled = attempt === null || state === "closing";
  $("send").ariaDisabled = !connected;
  $("email").readOnly = $("server").readOnly = attempt !== null;
  $("message-hint").textContent = connected ? "Enter sends. Shift and Enter start a new line." : "Connect first.";
  document.title = connected ? `${user} · Rollcall` : "Rollcall";
}

async function connect() {
  if (attempt !== null) {
    return;
  }
  const mine = attempt = { greeted: false };
  const email = $("email").value;
  try {
    const server = parseServer($("server").value);
    showConnecting();
    const { Connection } = await loadLibrary(server);
    if (attempt === mine) { // it may have been given up meanwhile
      connection = new Connection(server.page, { email });
      log.add("note", "Connecting to " + connection.url);
      follow(connection);
    }
  } catch (error) {
    if (attempt === mine) {
      attempt = null;
      log.add("note", error.message);
      show("failed", "Not connected", error.message);
    }
  }
}

function showConnecting() {
  show("connecting", "Connecting…", "Waiting for the server.");
}

function follow(connection) {
  const hear = (event, act) => connection.addEventListener(event, ({ detail }) => act(detail));
  hear("state", entered);
  hear("frame", (text) => log.add("in", text));
  hear("greeting", greeted);
  hear("push", ({ message }) => log.add("push", typeof message === "string" ? message : JSON.stringify(message)));
  hear("close", ended);
}

// entered shows the states that no other event tells of.
function entered(state) {
  if (state === "connecting") {
    log.add("note", "Connecting again.");
    showConnecting();
  } else if (state === "closed" && connection !== null) { // while it waited
    attempt = connection = null;
    show("closed", "Not connected", "Given up.");
  }
}

function greeted({ email }) {
  attempt.greeted = true;
  user = email;
  watch();
  tabs.join();
  online.mark(user);
  online.wake();
  show("connected", "Connected", `As ${user}.`);
}

// ended shows why the socket ended. The library connects again where that helps;
// but what never was a connection is the person's to mend.
function ended({ code, reason, opened, again }) {
  const asked = $("status").dataset.state === "closing";
  const explained = explainClose(code, opened, asked);
  const said = reason === "" ? String(code) : `${code}, “${reason}”`;
  const comesAgain = again !== null && attempt.greeted;
  const detail = `${explained.words} ` + (comesAgain
    ? `Connecting again in ${Math.ceil(again / 1000)} s.`
    : `Connect again? ${explained.again}`);
  const over = connection;
  user = null;
  if (!comesAgain) {
    attempt = connection = null;
    over.close();
  }
  tabs.leave();
  watch();
  online.mark("");
  online.wake();
  log.add("closed", `${said}: ${detail}`);
  show(comesAgain ? "waiting" : asked ? "closed" : "failed", `Closed: ${said}`, detail);
}

function disconnect() {
  if (connection !== null && $("status").dataset.state !== "closing") {
    show("closing", "Disconnecting…", "Waiting for the server's answer.");
    connection.close();
  } else if (attempt !== null && connection === null) {
    attempt = null;
    show("closed", "Not connected", "Given up.");
  }
}

function send() {
  const typed = $("message").value;
  const frame = $("as-raw").checked ? typed : JSON.stringify({ message: typed });
  if (user === null || !connection.sendText(frame)) {
    return;
  }
  log.add("out", frame);
  $("message").value = "";
  $("message").focus();
}

// watch counts the tabs of the connected user, else of the one typed in.
function watch() {
  tabs.watch(JSON.stringify([place(), user ?? $("email").value]));
}

// place is the server that is typed in, or what stands there instead of one.
function place() {
  try {
    return parseServer($("server").value).socket;
  } catch {
    return $("server").value;
  }
}

function list() {
  try {
    online.start(parseServer($("server").value), $("token").value.trim());
  } catch (error) {
    online.stop(error.message);
  }
}

// listElsewhere waits for a word before a token goes to a server that it was
// not typed in for: an address may be mistyped, or come with a link.
function listElsewhere() {
  if ($("token").value.trim() === "") {
    list();
  } else {
    online.stop("Press Show to send the token to this server.");
  }
}

// on does something instead of what the browser would do with the event.
function on(id, event, act) {
  $(id).addEventListener(event, (e) => {
    e.preventDefault();
    act();
  });
}

on("connection", "submit", connect);
on("disconnect", "click", disconnect);
on("composer", "submit", send);
on("online-form", "submit", list);
on("token", "change", list);
on("server", "change", listElsewhere);
on("clear", "click", () => log.clear());
$("message").addEventListener("keydown", (e) => {
  if (e.key === "Enter" && !e.shiftKey && !e.isComposing) { // an input method ends a word by Enter
    e.preventDefault();
    send();
  }
});

for (const [name, value] of Object.entries(loadSettings())) {
  $(name).value = value;
  $(name).addEventListener("input", () => {
    remember(name, $(name).value);
    watch();
  });
}
fillCloses($("closes"));
watch();
if ($("server").value === defaultServer()) {
  list();
} else {
  listElsewhere();
}
