ALTER TABLE sessions SET (fillfactor = 80);
ALTER TABLE active_websocket_connections SET (fillfactor = 80);
