DROP TRIGGER end_sessions ON nodes;
DROP FUNCTION end_sessions_of_node;
ALTER TABLE sessions ADD CONSTRAINT sessions_node_id_fkey
    FOREIGN KEY (node_id) REFERENCES nodes (id) ON DELETE CASCADE;
