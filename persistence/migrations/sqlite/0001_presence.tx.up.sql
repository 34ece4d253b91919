-- Times are text in UTC, such as 2025-10-21 12:30:00.5+00:00. They sort as they
-- are, because + comes before every digit and before the point.

CREATE TABLE users (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    email      VARCHAR(254) NOT NULL UNIQUE,
    active     BOOLEAN NOT NULL,
    created_at TIMESTAMP NOT NULL
);

-- For servers that ignore case when they look for a user.
CREATE INDEX users_lower_email ON users (lower(email));

CREATE TABLE api_tokens (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id      INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         VARCHAR(100) NOT NULL,
    hash         BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    created_at   TIMESTAMP NOT NULL,
    last_used_at TIMESTAMP,
    revoked_at   TIMESTAMP
);

CREATE INDEX api_tokens_user_id ON api_tokens (user_id);

-- lease_expires_at is by the clock of the database. It is NULL when the node has
-- left or was swept: then it owns no sessions.
CREATE TABLE nodes (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    name             VARCHAR(255) NOT NULL UNIQUE,
    epoch            INTEGER NOT NULL,
    started_at       TIMESTAMP NOT NULL,
    lease_expires_at TIMESTAMP,
    sweeps           INTEGER NOT NULL
);

CREATE TABLE sessions (
    id            TEXT PRIMARY KEY NOT NULL,
    email         VARCHAR(254) NOT NULL,
    node_id       INTEGER NOT NULL REFERENCES nodes (id) ON DELETE CASCADE,
    connected_at  TIMESTAMP NOT NULL,
    last_activity TIMESTAMP NOT NULL,
    address       VARCHAR(64) NOT NULL,
    user_agent    VARCHAR(512) NOT NULL
);

CREATE INDEX sessions_email ON sessions (email);
CREATE INDEX sessions_node_id ON sessions (node_id);

CREATE TABLE active_websocket_connections (
    id            INTEGER PRIMARY KEY,
    email         VARCHAR(254) NOT NULL UNIQUE,
    connected_at  TIMESTAMP NOT NULL,
    last_activity TIMESTAMP NOT NULL
);

-- node is a name, so that history outlives the row of its node.
CREATE TABLE session_history (
    id            TEXT PRIMARY KEY NOT NULL,
    email         VARCHAR(254) NOT NULL,
    node          VARCHAR(255) NOT NULL,
    connected_at  TIMESTAMP NOT NULL,
    ended_at      TIMESTAMP NOT NULL,
    last_activity TIMESTAMP NOT NULL,
    duration_ms   INTEGER NOT NULL,
    reason        VARCHAR(64) NOT NULL,
    address       VARCHAR(64) NOT NULL,
    user_agent    VARCHAR(512) NOT NULL
);

CREATE INDEX session_history_email_ended_at ON session_history (email, ended_at);
CREATE INDEX session_history_ended_at ON session_history (ended_at);
