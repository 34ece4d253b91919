"use strict";

// Every close code that a client of this server can meet, in words, and
// whether it should connect again. docs/protocol.md has the same table.
const closes = new Map([
  [1000, { words: "Closed normally.", again: "No need to." }],
  [1001, { words: "The server is going away.", again: "Yes, after a random delay." }],
  [1002, { words: "The client broke the WebSocket protocol.", again: "No." }],
  [1005, { words: "Closed without a code.", again: "No need to." }],
  [1006, { words: "The connection was lost without a goodbye: the network failed, or the server died.", again: "Yes, after a random delay." }],
  [1007, { words: "A text frame was not valid UTF-8.", again: "No." }],
  [1009, { words: "The message was too big.", again: "No." }],
  [1011, { words: "Something went wrong inside the server.", again: "Yes, backing off." }],
  [1012, { words: "The server is restarting.", again: "Yes, after a random delay." }],
  [1013, { words: "The server could not admit the connection in time because its database is away or slow, or it is short of memory.", again: "Yes, backing off." }],
  [4000, { words: "No e-mail was given.", again: "No: enter one first." }],
  [4001, { words: "No user has this e-mail.", again: "No: the answer would be the same." }],
  [4002, { words: "The credential is invalid or has expired.", again: "Only with a fresh one." }],
  [4003, { words: "This user is already connected elsewhere.", again: "No." }],
  [4004, { words: "A newer connection of the same user has replaced this one.", again: "No: the two would replace each other for ever." }],
  [4005, { words: "An operator ended the connection.", again: "No." }],
  [4006, { words: "Too many messages in too short a time.", again: "Yes, backing off." }],
  [4007, { words: "The client was too slow to read what it was sent.", again: "Yes." }],
]);

// explainClose says what a close code means. A browser reports 1006 also for
// a connection that never came about, which asks for another remedy, and for
// one that the person gave up before it did.
function explainClose(code, opened, givenUp) {
  if (code === 1006 && !opened && givenUp) {
    return { words: "Given up before the server answered.", again: "As you like." };
  }
  if (code === 1006 && !opened) {
    return { words: "No connection came about. Is the server running at this address, and not full?", again: "Yes, after a moment." };
  }
  return closes.get(code) ?? { words: "This page does not know the code.", again: "Not by itself." };
}

// fillCloses writes the table for the reader.
function fillCloses(body) {
  for (const [code, { words, again }] of closes) {
    const row = body.insertRow();
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = code;
    row.append(head);
    row.insertCell().textContent = words;
    row.insertCell().textContent = again;
  }
}
