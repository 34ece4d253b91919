-- A commit of a server that runs locks its node first, and then its sessions: the
-- other way round, each would wait for the other.
LOCK TABLE nodes, sessions IN ACCESS EXCLUSIVE MODE;

-- A foreign key looks for the node of each session that comes, though the commit that
-- brings them has locked that row: a sixth of what PostgreSQL does for a connect.
-- What is left of it is that the sessions of a node go with it.
ALTER TABLE sessions DROP CONSTRAINT sessions_node_id_fkey;

CREATE FUNCTION end_sessions_of_node() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM sessions WHERE node_id = OLD.id;
    RETURN NULL;
END $$;

CREATE TRIGGER end_sessions AFTER DELETE ON nodes
    FOR EACH ROW EXECUTE FUNCTION end_sessions_of_node();
