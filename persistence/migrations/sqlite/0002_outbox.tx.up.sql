-- The history is read newest first, of everybody or of one user. The id tells apart
-- what ended at the same moment.
DROP INDEX session_history_email_ended_at;
DROP INDEX session_history_ended_at;
CREATE INDEX session_history_email_ended_at ON session_history (email, ended_at, id);
CREATE INDEX session_history_ended_at ON session_history (ended_at, id);

-- Whether the joins and leaves of the node's users are written into the outbox:
-- whoever sweeps it must go on with that.
ALTER TABLE nodes ADD COLUMN announces BOOLEAN NOT NULL DEFAULT FALSE;

-- Joins and leaves of users that are still to be posted. The ids of one user are
-- in the order of what happened, because one transaction writes at a time. No
-- id is given again. written_at is by the clock of the database.
CREATE TABLE outbox (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    kind         VARCHAR(16) NOT NULL,
    email        VARCHAR(254) NOT NULL,
    at           TIMESTAMP NOT NULL,
    connected_at TIMESTAMP NOT NULL,
    reason       VARCHAR(64) NOT NULL,
    written_at   TIMESTAMP NOT NULL
);

-- One row: whose turn it is to post, until when, and how it went. Its times are by
-- the clock of the database.
CREATE TABLE outbox_turn (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    node_id    INTEGER,
    epoch      INTEGER,
    expires_at TIMESTAMP,
    not_before TIMESTAMP,
    failures   INTEGER NOT NULL,
    given_up   INTEGER NOT NULL
);

INSERT INTO outbox_turn (id, failures, given_up) VALUES (1, 0, 0);
