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

let socket = null; // from Connect until the browser reports the close
let user = null; // the e-mail that the server greeted this tab by, while connected

// show writes the state of the connection wherever it is seen. The states are
// idle, connecting, connected, closing, closed and failed.
function show(state, title, detail) {
  const connected = user !== null;
  $("status").dataset.state = state;
  $("status-title").textContent = title;
  $("status-detail").textContent = detail;
  // Unavailable buttons stay focusable, so that the keyboard keeps its place.
  $("connect").ariaDisabled = socket !== null;
  $("disconnect").ariaDisabled = socket === null || state === "closing";
  $("send").ariaDisabled = !connected;
  $("email").readOnly = $("server").readOnly = socket !== null;
  $("message-hint").textContent = connected ? "Enter sends. Shift and Enter start a new line." : "Connect first.";
  document.title = connected ? `${user} · Rollcall` : "Rollcall";
}

function connect() {
  if (socket !== null) {
    return;
  }
  const email = $("email").value;
  let url;
  try {
    url = parseServer($("server").value).socket + (email === "" ? "" : "?email=" + encodeURIComponent(email));
    socket = new WebSocket(url);
  } catch (error) {
    log.add("note", error.message);
    show("failed", "Not connected", error.message);
    return;
  }
  log.add("note", "Connecting to " + url);
  show("connecting", "Connecting…", "Waiting for the server.");
  let opened = false;
  socket.onopen = () => {
    opened = true;
    show("connecting", "Connecting…", "The socket is open. Waiting for the greeting.");
  };
  socket.onmessage = ({ data }) => receive(data);
  socket.onclose = ({ code, reason }) => ended(code, reason, opened);
}

function receive(data) {
  log.add("in", typeof data === "string" ? data : "(binary)");
  const greeted = user === null ? greetedAs(data) : null;
  if (greeted !== null) {
    user = greeted;
    watch();
    tabs.join();
    online.mark(user);
    online.wake();
    show("connected", "Connected", `As ${user}.`);
  }
}

// greetedAs reads the e-mail from a greeting, in the spelling of the server's
// list. It returns null for any other frame.
function greetedAs(data) {
  try {
    const { type, message } = JSON.parse(data);
    return type === "connection_established" ? message.replace("Connected successfully as ", "") : null;
  } catch {
    return null;
  }
}

function ended(code, reason, opened) {
  const asked = $("status").dataset.state === "closing";
  const { words, again } = explainClose(code, opened, asked);
  const detail = `${words} Connect again? ${again}`;
  const said = reason === "" ? String(code) : `${code}, “${reason}”`;
  socket = null;
  user = null;
  tabs.leave();
  watch();
  online.mark("");
  online.wake();
  log.add("closed", `${said}: ${detail}`);
  show(asked ? "closed" : "failed", `Closed: ${said}`, detail);
}

function disconnect() {
  if (socket !== null && $("status").dataset.state !== "closing") {
    show("closing", "Disconnecting…", "Waiting for the server's answer.");
    socket.close(1000);
  }
}

function send() {
  if (user === null || socket.readyState !== WebSocket.OPEN) {
    return;
  }
  const typed = $("message").value;
  const frame = $("as-raw").checked ? typed : JSON.stringify({ message: typed });
  socket.send(frame);
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
