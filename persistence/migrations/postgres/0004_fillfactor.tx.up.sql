-- Where everybody is active at once, all rows of a page are replaced in one commit: with
-- less than half a page free, most would move, with a new entry in every index. Rows that
-- are there stay where they are; pages that are filled from now on are filled so far.
ALTER TABLE sessions SET (fillfactor = 50);
ALTER TABLE active_websocket_connections SET (fillfactor = 50);
