// The client library of Rollcall: who is here, from a browser or from Node.
//
//   Connection   one user's socket, which comes again by itself
//   Presence     what a program with a token asks: who is here, and tell them
//   Watch        who is online, kept true by a stream of events
//
// It needs nothing but the platform: WebSocket, fetch and EventTarget. Its
// types are in rollcall.d.ts.

export { Connection } from "./connection.js";
export { Presence, RollcallError } from "./presence.js";
export { Watch } from "./watch.js";
