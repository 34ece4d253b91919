DROP TABLE session_history;
DROP TABLE active_websocket_connections;
DROP TABLE sessions;
DROP TABLE nodes;
DROP TABLE api_tokens;
DROP TABLE users;
