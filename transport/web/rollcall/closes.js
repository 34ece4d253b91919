// Whether a client should connect again, by the code that its socket was closed
// with. docs/protocol.md has the same table.

/**
 * - `"never"`: the answer would be the same, or there is no need to.
 * - `"soon"`: this connection alone was lost.
 * - `"spread"`: everybody was sent away at the same moment, and must not come
 *   back at the same moment.
 * - `"slowly"`: the server, or this client, is in trouble that takes time to pass.
 *
 * @typedef {"never" | "soon" | "spread" | "slowly"} Again
 */

/** @type {Map<number, Again>} */
const again = new Map([
  [1000, "never"], // normal
  [1001, "spread"], // the server is going away
  [1002, "never"], // this client breaks the protocol
  [1005, "never"], // normal, without a code
  [1006, "soon"], // the connection was lost
  [1007, "never"], // text that is not UTF-8
  [1009, "never"], // a message too big
  [1011, "slowly"], // a fault of the server
  [1012, "spread"], // the server is restarting
  [1013, "slowly"], // the database is away, or memory is short
  [4000, "never"], // no e-mail
  [4001, "never"], // an unknown e-mail
  [4002, "never"], // a credential that is no good; only with a fresh one
  [4003, "never"], // connected elsewhere
  [4004, "never"], // replaced: the two would replace each other for ever
  [4005, "never"], // disconnected by an operator
  [4006, "slowly"], // too many messages
  [4007, "soon"], // too slow to read
]);

/**
 * A code that is not in the table has a meaning that this client does not know,
 * and is no reason to come again.
 *
 * @param {number} code
 * @returns {Again}
 */
export function connectAgain(code) {
  return again.get(code) ?? "never";
}
