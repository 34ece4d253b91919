"use strict";

// Where there is no stream, the list is asked for again after this many
// milliseconds.
const pollEvery = 2000;

// A stream that has brought no list after so many milliseconds is given up.
const streamPatience = 5000;

// The list is drawn no more often than once in so many milliseconds.
const drawEvery = 200;

// Of a longer list this many users are shown and the rest is counted.
const listRows = 200;

// Online is the live list of who is online, followed while the page is seen: a
// browser has few connections to one server, and a stream takes one of them.
class Online {
  constructor({ list, count, status, more }) {
    Object.assign(this, { list, count, status, more });
    this.rows = new Map(); // e-mail -> its row, kept from one answer to the next
    this.me = "";
    document.addEventListener("visibilitychange", () => this.look());
    this.stop("");
  }

  // start shows the list that this server gives for this token.
  start(server, token) {
    this.stop("");
    if (token !== "") {
      this.asked = { server, token, presence: null, streams: true };
      this.say("Asking…");
      this.look();
    }
  }

  // stop empties the list and says why.
  stop(reason) {
    this.rest();
    this.asked = null;
    this.asOf = null;
    this.rows.clear();
    this.list.replaceChildren();
    this.more.hidden = true;
    this.count.hidden = true;
    this.say(reason || "Enter an API token to see everybody who is online.", reason !== "");
  }

  // rest leaves the list as it is.
  rest() {
    this.watch?.close();
    this.watch = null;
    this.turn = null; // what is still under way is answered to nobody
    clearTimeout(this.timer);
    clearTimeout(this.drawing);
    this.drawing = null;
  }

  // mark names the user of this tab, whose row says so.
  mark(email) {
    this.me = email;
    for (const [key, row] of this.rows) {
      row.you.hidden = key !== email;
    }
  }

  // wake asks at once where there is no stream that tells.
  wake() {
    if (this.watch === null) {
      this.look();
    }
  }

  // look follows the list from now on, if the page is seen.
  async look() {
    this.rest();
    const asked = this.asked;
    if (asked === null || document.hidden) {
      return;
    }
    const turn = this.turn = {};
    try {
      const { Presence } = await loadLibrary(asked.server);
      asked.presence ??= new Presence(asked.server.page, { token: asked.token });
    } catch (error) {
      if (this.turn === turn && error instanceof TypeError) { // the token can be in no header
        this.stop(error.message);
      } else if (this.turn === turn) {
        this.fail(error.message);
        this.timer = setTimeout(() => this.look(), pollEvery);
      }
      return;
    }
    if (this.turn === turn) {
      asked.streams ? this.follow(asked) : this.poll(asked);
    }
  }

  // follow reads the stream. If there is none to be had, because the server is
  // older, has too many watchers, or is behind a proxy that holds streams back, the
  // list is asked for instead.
  follow(asked) {
    const watch = this.watch = asked.presence.watch();
    const poll = () => {
      asked.streams = false;
      this.look();
    };
    this.timer = setTimeout(poll, streamPatience);
    watch.addEventListener("state", () => {
      if (watch.state === "live") {
        clearTimeout(this.timer);
        this.say("");
      }
    });
    watch.addEventListener("change", () => {
      this.drawing ??= setTimeout(() => this.draw(watch), this.asOf === null ? 0 : drawEvery);
    });
    watch.addEventListener("error", ({ detail: error }) => {
      if (this.watch === watch) {
        this.asOf === null || watch.state === "closed" ? poll() : this.explain(error, asked);
      }
    });
  }

  draw(watch) {
    this.drawing = null;
    this.showUsers(watch.online.values(), watch.online.size);
  }

  // poll asks once, and plans the next time.
  async poll(asked) {
    const turn = this.turn;
    try {
      const users = await asked.presence.list();
      if (this.turn === turn) {
        this.say("");
        this.showUsers(users, users.length);
      }
    } catch (error) {
      if (this.turn === turn) {
        this.explain(error, asked);
      }
    }
    if (this.turn === turn) {
      this.timer = setTimeout(() => this.poll(asked), pollEvery);
    }
  }

  explain(error, { server }) {
    if (error.status === 401) {
      this.stop(error.detail);
    } else if (error.status) {
      this.fail(`The server answered ${error.status}: ${error.detail}`);
    } else {
      this.fail(error.name === "TimeoutError" ? "The server does not answer." : this.unreadable(server));
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

  // showUsers shows the first of so many.
  showUsers(users, count) {
    this.asOf = new Date();
    const text = `${count.toLocaleString()} online`;
    if (this.count.textContent !== text || this.count.hidden) {
      this.count.hidden = false;
      this.count.textContent = text;
    }
    const gone = new Set(this.rows.keys());
    let shown = 0;
    for (const user of users) {
      if (shown === listRows) {
        break;
      }
      gone.delete(user.email);
      this.place(this.row(user), shown++);
    }
    for (const email of gone) {
      this.rows.get(email).item.remove();
      this.rows.delete(email);
    }
    this.more.hidden = count <= listRows;
    this.more.textContent = `and ${(count - shown).toLocaleString()} more`;
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
