"use strict";

// A visible tab asks for the others this often, in milliseconds.
const askEvery = 1000;

// A tab that leaves so many questions in a row unanswered has crashed, and is
// counted no longer.
const patience = 3;

// Tabs counts the connected tabs of one user among the tabs of this browser.
// The server sends nothing unasked and lists a user once, so that the tabs
// tell each other. They answer questions rather than report by a timer,
// because a browser slows the timers of a hidden tab but not its messages.
//
//   {ask: true}              who is there?
//   {id: "…", user: "…"}     this tab is connected as this user
//   {id: "…", user: null}    this tab is connected no longer
class Tabs {
  constructor(show) {
    this.show = show;
    this.id = crypto.getRandomValues(new Uint32Array(2)).join("-");
    this.user = null; // as whom this tab is connected
    this.watched = ""; // whose tabs are counted
    this.others = new Map(); // id -> {user, missed}
    this.channel = new BroadcastChannel("rollcall.tabs");
    this.channel.onmessage = (event) => this.receive(event.data);
    setInterval(() => this.ask(), askEvery);
    addEventListener("pagehide", () => this.leave());
    this.channel.postMessage({ ask: true });
  }

  // watch counts the tabs of this user from now on.
  watch(user) {
    this.watched = user;
    this.count();
  }

  // join says that this tab is connected as the user that it watches.
  join() {
    this.user = this.watched;
    this.tell();
    this.count();
  }

  // leave says that it is connected no longer.
  leave() {
    if (this.user !== null) {
      this.user = null;
      this.tell();
      this.count();
    }
  }

  ask() {
    if (document.hidden) {
      return;
    }
    for (const [id, other] of this.others) {
      if (other.missed++ >= patience) {
        this.others.delete(id);
      }
    }
    this.channel.postMessage({ ask: true });
    this.count();
  }

  tell() {
    this.channel.postMessage({ id: this.id, user: this.user });
  }

  receive({ ask, id, user }) {
    if (!ask && user !== null) {
      this.others.set(id, { user, missed: 0 });
    } else if (!ask) {
      this.others.delete(id);
    } else if (this.user !== null) {
      this.tell();
    }
    this.count();
  }

  count() {
    let count = this.user !== null && this.user === this.watched ? 1 : 0;
    for (const other of this.others.values()) {
      count += other.user === this.watched ? 1 : 0;
    }
    this.show(count);
  }
}
