"use strict";

// The list is asked for again after this many milliseconds.
const pollEvery = 2000;

// An answer that takes longer than this is given up, in milliseconds.
const pollTimeout = 10000;

// Of a longer list this many users are shown and the rest is counted.
const listRows = 200;

// Online is the live list of who is online, asked for while the page is seen.
class Online {
  constructor({ list, count, status, more }) {
    Object.assign(this, { list, count, status, more });
    this.rows = new Map(); // e-mail -> its row, kept from one answer to the next
    this.stopped = new AbortController();
    this.asOf = null;
    this.me = "";
    document.addEventListener("visibilitychange", () => this.wake());
    this.stop("");
  }

  // start shows the list that this server gives for this token.
  start(server, token) {
    this.stop("");
    if (token === "") {
      return;
    }
    if (/[^\x20-\x7e]/.test(token)) { // which no header can carry
      this.stop("Invalid token: it can only have letters, digits and signs of ASCII.");
      return;
    }
    this.asked = { server, token };
    this.say("Asking…");
    this.poll(this.asked);
  }

  // stop empties the list and says why.
  stop(reason) {
    this.stopped.abort();
    clearTimeout(this.timer);
    this.asked = null;
    this.asOf = null;
    this.rows.clear();
    this.list.replaceChildren();
    this.more.hidden = true;
    this.count.hidden = true;
    this.say(reason || "Enter an API token to see everybody who is online.", reason !== "");
  }

  // mark names the user of this tab, whose row says so.
  mark(email) {
    this.me = email;
    for (const [key, row] of this.rows) {
      row.you.hidden = key !== email;
    }
  }

  wake() {
    if (this.asked && !document.hidden) {
      this.stopped.abort();
      clearTimeout(this.timer);
      this.poll(this.asked);
    }
  }

  // poll asks once, and plans the next time unless the token is no good or
  // another start or stop came in between.
  async poll(asked) {
    const stopped = this.stopped = new AbortController();
    try {
      const response = await fetch(asked.server.list, {
        headers: { Authorization: "Token " + asked.token },
        cache: "no-store",
        credentials: "omit",
        signal: AbortSignal.any([stopped.signal, AbortSignal.timeout(pollTimeout)]),
      });
      const answer = await response.json().catch(() => null);
      if (stopped.signal.aborted) {
        return;
      }
      if (response.status === 401) {
        this.stop(answer?.detail ?? "The server refused the token.");
        return;
      }
      if (response.ok && Array.isArray(answer?.active_connections)) {
        this.showAnswer(answer);
      } else {
        this.fail(`The server answered ${response.status} ${response.statusText}`.trim() + ", which is not a list.");
      }
    } catch (error) {
      if (stopped.signal.aborted) {
        return;
      }
      this.fail(error.name === "TimeoutError" ? "The server does not answer." : this.unreadable(asked.server));
    }
    if (!document.hidden) {
      this.timer = setTimeout(() => this.poll(asked), pollEvery);
    }
  }

  // unreadable explains a failed fetch. A browser does not tell a server that
  // is away from one that does not let a page of another origin read.
  unreadable(server) {
    return new URL(server.page).origin === location.origin
      ? "The server cannot be reached."
      : `The list cannot be read from here: the server is away, or gives it only to its own page, ${server.page}`;
  }

  fail(reason) {
    const old = this.asOf ? ` The list is as of ${clock.format(this.asOf)}.` : "";
    this.say(reason + old, true);
  }

  say(text, bad = false) {
    this.status.classList.toggle("bad", bad);
    if (this.status.textContent !== text) { // a screen reader would speak it again
      this.status.textContent = text;
    }
  }

  showAnswer({ active_connections: entries }) {
    this.asOf = new Date();
    this.say("");
    const text = `${entries.length.toLocaleString()} online`;
    if (this.count.textContent !== text || this.count.hidden) {
      this.count.hidden = false;
      this.count.textContent = text;
    }
    const shown = entries.slice(0, listRows);
    const gone = new Set(this.rows.keys());
    shown.forEach((entry, index) => {
      gone.delete(entry.email);
      this.place(this.row(entry), index);
    });
    for (const email of gone) {
      this.rows.get(email).item.remove();
      this.rows.delete(email);
    }
    this.more.hidden = entries.length <= listRows;
    this.more.textContent = `and ${(entries.length - shown.length).toLocaleString()} more`;
  }

  // row returns the user's row, brought up to date.
  row(entry) {
    let row = this.rows.get(entry.email);
    if (!row) {
      row = newRow(entry.email);
      row.you.hidden = entry.email !== this.me;
      this.rows.set(entry.email, row);
    }
    row.times.replaceChildren(
      "since ", timeElement(new Date(entry.connected_at)),
      ", last active ", timeElement(new Date(entry.last_activity)),
    );
    return row;
  }

  // place moves a row only if it stands elsewhere, which keeps a selection.
  place({ item }, index) {
    if (this.list.children[index] !== item) {
      this.list.insertBefore(item, this.list.children[index] ?? null);
    }
  }
}

function newRow(email) {
  const item = document.createElement("li");
  const name = document.createElement("bdi");
  name.className = "who";
  name.textContent = email;
  const you = document.createElement("span");
  you.className = "you";
  you.textContent = "you";
  const times = document.createElement("p");
  times.className = "times";
  item.append(name, " ", you, times);
  return { item, you, times };
}
