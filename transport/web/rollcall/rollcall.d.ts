// The types of the client library. What the words mean stands with the code.

/** One user of the list. Times are RFC 3339 in UTC. */
export interface User {
  email: string;
  connected_at: string;
  last_activity: string;
}

/** What a join or an activity tells: the user, and when it happened. */
export interface Happened extends User {
  at: string;
}

/** What a leave tells besides. */
export interface Left extends Happened {
  reason: string;
  duration_ms: number;
}

/** One session of a user who is online. */
export interface Session {
  id: string;
  node: string;
  connected_at: string;
  last_activity: string;
  address: string;
  user_agent: string;
}

/** One session that has ended. */
export interface EndedSession extends Session {
  email: string;
  ended_at: string;
  duration_ms: number;
  reason: string;
}

/** One user, online or not. */
export interface UserState {
  email: string;
  online: boolean;
  /** Whether there is such a user; null if the database could not be asked. */
  known: boolean | null;
  connected_at: string | null;
  last_activity: string | null;
}

/** One user with all that is known. */
export interface UserDetail extends UserState {
  last_seen: string | null;
  sessions: Session[];
}

/** An EventTarget that knows its events, and what each has as its detail. */
interface Tells<Details> extends Omit<EventTarget, "addEventListener" | "removeEventListener"> {
  addEventListener<Type extends keyof Details>(
    type: Type, listener: ((event: CustomEvent<Details[Type]>) => void) | null, options?: boolean | AddEventListenerOptions): void;
  removeEventListener<Type extends keyof Details>(
    type: Type, listener: ((event: CustomEvent<Details[Type]>) => void) | null, options?: boolean | EventListenerOptions): void;
}

declare const Tells: { new <Details>(): Tells<Details> };

export type ConnectionState = "connecting" | "connected" | "waiting" | "offline" | "closing" | "closed";

export interface ConnectionEvents {
  state: ConnectionState;
  greeting: { email: string };
  push: { message: unknown; id: string };
  reply: { message: string; from: string };
  error: { message: string };
  frame: string;
  /** `again` is in milliseconds, and null if the connection does not come again. */
  close: { code: number; reason: string; opened: boolean; again: number | null };
}

/** One user's socket, which comes again by itself. */
export class Connection extends Tells<ConnectionEvents> {
  constructor(server: string | URL, options?: { email?: string; WebSocket?: unknown });
  readonly url: string;
  readonly state: ConnectionState;
  readonly email: string | null;
  /** Returns false if the message was not taken. */
  send(message: unknown): boolean;
  sendText(text: string): boolean;
  close(): void;
}

/** What the server answers instead of what was asked for, or that no answer came. */
export class RollcallError extends Error {
  constructor(status: number, detail: string, retryAfter: number | null, options?: { cause?: unknown });
  /** Of HTTP, or 0 if no answer came. */
  readonly status: number;
  /** Why no answer came. */
  readonly cause?: unknown;
  readonly detail: string;
  /** Seconds. */
  readonly retryAfter: number | null;
}

/** What a program with an API token asks and tells. */
export class Presence {
  constructor(server: string | URL, options: { token: string; fetch?: typeof fetch });
  list(): Promise<User[]>;
  /** `next` is the `after` of the page behind it, and null on the last. */
  page(options?: { limit?: number; after?: string | null; prefix?: string }): Promise<{ users: User[]; next: string | null }>;
  history(options?: {
    email?: string; from?: Date | string; to?: Date | string; limit?: number; after?: string | null;
  }): Promise<{ sessions: EndedSession[]; next: string | null }>;
  user(email: string): Promise<UserDetail>;
  query(emails: Iterable<string>): Promise<UserState[]>;
  push(to: string | Iterable<string> | typeof Presence.everybody, message: unknown, options?: { id?: string }): Promise<number>;
  disconnect(email: string, reason?: string): Promise<number>;
  disconnectSession(id: string, reason?: string): Promise<void>;
  watch(options?: { emails?: Iterable<string> }): Watch;
  static readonly everybody: unique symbol;
}

export type WatchState = "connecting" | "live" | "waiting" | "closed";

export interface WatchEvents {
  state: WatchState;
  snapshot: Map<string, User>;
  join: Happened;
  leave: Left;
  activity: Happened;
  change: Map<string, User>;
  error: Error;
}

/** Who is online, kept true by a stream of events. */
export class Watch extends Tells<WatchEvents> {
  constructor(open: (headers: Record<string, string>, signal: AbortSignal) => Promise<Response>);
  readonly online: ReadonlyMap<string, User>;
  readonly state: WatchState;
  close(): void;
}
