DROP TABLE outbox_turn;
DROP TABLE outbox;
ALTER TABLE nodes DROP COLUMN announces;
DROP INDEX session_history_ended_at;
DROP INDEX session_history_email_ended_at;
CREATE INDEX session_history_email_ended_at ON session_history (email, ended_at);
CREATE INDEX session_history_ended_at ON session_history (ended_at);
