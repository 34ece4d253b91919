"use strict";

// Where the settings of one tab come from: the address bar, else what was
// typed earlier in this tab, else the server that the page came from.

const settingNames = ["email", "server", "token"];

// loadSettings returns the three settings, from the query or from behind the
// hash sign, which is not sent to the server. It takes the token out of the
// address bar, where it would end in the history and over a shoulder.
function loadSettings() {
  // A plus is a plus, as in the server: these are not HTML forms.
  const [query, fragment] = [location.search, location.hash.slice(1)]
    .map((part) => new URLSearchParams(part.replaceAll("+", "%2B")));
  const settings = {};
  for (const name of settingNames) {
    settings[name] = fragment.get(name) ?? query.get(name) ?? remembered(name) ?? "";
    remember(name, settings[name]);
  }
  settings.server ||= defaultServer();
  if (query.has("token") || fragment.has("token")) {
    query.delete("token");
    fragment.delete("token");
    history.replaceState(null, "", location.pathname + (query.size ? "?" + query : "") + (fragment.size ? "#" + fragment : ""));
  }
  return settings;
}

// A browser may deny storage. The page then only forgets sooner.

function remember(name, value) {
  try {
    sessionStorage.setItem("rollcall." + name, value);
  } catch { /* denied */ }
}

function remembered(name) {
  try {
    return sessionStorage.getItem("rollcall." + name);
  } catch {
    return null;
  }
}

// defaultServer is the place that the page itself was loaded from.
function defaultServer() {
  if (location.protocol === "file:") {
    return "ws://localhost:8000";
  }
  const folder = location.pathname.replace(/\/[^/]*$/, "");
  return (location.protocol === "https:" ? "wss://" : "ws://") + location.host + folder;
}

// parseServer turns what was typed into the addresses of the page, the socket
// and the list. It accepts host:port, any of ws, wss, http and https, a folder
// (behind a proxy), and the whole address of a socket. It throws what to say.
function parseServer(typed) {
  const text = typed.trim();
  const assumed = location.protocol === "https:" ? "wss://" : "ws://";
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : assumed + text;
  const url = URL.canParse(address) ? new URL(address) : null;
  if (!["ws:", "wss:", "http:", "https:"].includes(url?.protocol)) {
    throw new Error("The server’s address should look like ws://localhost:8000.");
  }
  const secure = url.protocol === "wss:" || url.protocol === "https:" ? "s" : "";
  const place = url.host + url.pathname.replace(/(\/ws\/connect)?\/*$/, "");
  return {
    page: `http${secure}://${place}/`,
    socket: `ws${secure}://${place}/ws/connect/`,
    list: `http${secure}://${place}/api/hms/active-connections`,
  };
}
