/**
 * Addresses of one server, from the one that a person knows: any of http, https,
 * ws and wss, with the folder that a proxy may have put the server into.
 *
 * @param {string | URL} server such as `https://presence.example.com/rollcall`
 * @returns {{ socket: string, api: string, list: string }}
 * @throws {TypeError} if it is no such address
 */
export function addresses(server) {
  const url = new URL(server);
  if (!["http:", "https:", "ws:", "wss:"].includes(url.protocol)) {
    throw new TypeError(`The server’s address should begin with http, https, ws or wss, and not with ${url.protocol}`);
  }
  const secure = url.protocol === "https:" || url.protocol === "wss:" ? "s" : "";
  const place = url.host + url.pathname.replace(/\/*$/, "");
  return {
    socket: `ws${secure}://${place}/ws/connect/`,
    api: `http${secure}://${place}/api/v1`,
    list: `http${secure}://${place}/api/hms/active-connections`,
  };
}
