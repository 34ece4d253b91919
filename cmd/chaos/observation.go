package main

// kind is what kind of a list was looked at.
type kind string

// The lists that must agree: what a server answers, and the two tables.
const (
	list     kind = "list"     // GET /api/hms/active-connections, of one server
	rows     kind = "rows"     // active_websocket_connections, of all servers
	sessions kind = "sessions" // the sessions of one server
)

// source is one list. The rows have no node, because they are of all.
type source struct {
	kind kind
	node string
}

func (s source) String() string {
	if s.node == "" {
		return string(s.kind)
	}
	return string(s.kind) + " of " + s.node
}

// isTable reports whether the database answers and not a server.
func (s source) isTable() bool { return s.kind != list }

// covers reports whether a socket at that node should be on the list.
func (s source) covers(node string) bool { return s.node == "" || s.node == node }

// observation is one answer: who was listed at some moment between the two.
type observation struct {
	source
	asked, answered moment
	listed          people
}
