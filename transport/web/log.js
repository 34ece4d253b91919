"use strict";

// The log keeps this many lines. Older ones go, so that the page stays quick.
const logLines = 500;

// A longer frame is shown up to here, with its true length behind it.
const logCharacters = 4000;

// Log is the list of what went in and out, the newest line last.
class Log {
  constructor(list) {
    this.list = list;
    this.pane = list.parentElement;
  }

  // add writes one line. The kind is "in", "out", "push", "note" or "closed".
  add(kind, text) {
    const atEnd = this.pane.scrollHeight - this.pane.scrollTop - this.pane.clientHeight < 8;
    const line = document.createElement("li");
    line.dataset.kind = kind;
    line.append(timeElement(new Date()), " ", kindElement(kind), " ", textElement(text));
    this.list.append(line);
    while (this.list.childElementCount > logLines) {
      this.list.firstElementChild.remove();
    }
    if (atEnd) { // a reader who has scrolled back is left in peace
      this.pane.scrollTop = this.pane.scrollHeight;
    }
  }

  clear() {
    this.list.replaceChildren();
  }
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const calendar = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

// timeElement shows a time of today by its clock, another one with its date.
function timeElement(when) {
  const element = document.createElement("time");
  element.dateTime = when.toISOString();
  element.title = when.toLocaleString();
  const today = when.toDateString() === new Date().toDateString();
  element.textContent = (today ? "" : calendar.format(when) + ", ") + clock.format(when);
  return element;
}

function kindElement(kind) {
  const element = document.createElement("span");
  element.className = "kind";
  element.textContent = { in: "In", out: "Out", push: "Push", note: "Note", closed: "Closed" }[kind];
  return element;
}

function textElement(text) {
  const element = document.createElement("span");
  element.className = "text";
  element.textContent = text.length > logCharacters
    ? `${text.slice(0, logCharacters)}… (${text.length.toLocaleString()} characters)`
    : text;
  return element;
}
