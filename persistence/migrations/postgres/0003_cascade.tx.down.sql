-- A commit of a server that runs locks its node first, and then its sessions: the
-- other way round, each would wait for the other.
LOCK TABLE nodes, sessions IN ACCESS EXCLUSIVE MODE;

DROP TRIGGER end_sessions ON nodes;
DROP FUNCTION end_sessions_of_node;
ALTER TABLE sessions ADD CONSTRAINT sessions_node_id_fkey
    FOREIGN KEY (node_id) REFERENCES nodes (id) ON DELETE CASCADE;
