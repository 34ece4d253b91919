package transport

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/rollcall/rollcall"
)

const (
	// healthTimeout is how long a question about health waits for the registry.
	// Then the answer is that there was none.
	healthTimeout = time.Second

	healthMethods = "GET, HEAD"
)

// livez answers that the process works, by answering. A server that only lacks
// its database is alive: to end it would close its sockets for nothing.
func (s *Server) livez(w http.ResponseWriter, r *http.Request) {
	if askedWell(w, r) {
		answer(w, http.StatusOK, []byte(`{"status":"ok"}`))
	}
}

// readiness is what readyz tells. There is nothing in it about users, since no
// token is asked for.
type readiness struct {
	Status         string            `json:"status"` // ok or unavailable
	Reason         rollcall.Obstacle `json:"reason,omitempty"`
	Sockets        int               `json:"sockets"`
	MaxConnections int               `json:"max_connections"`
	Sessions       int               `json:"sessions"`
	Commit         *lastCommit       `json:"last_commit,omitempty"` // nil before the first
}

// lastCommit is how fresh the node's rows and its lease are.
type lastCommit struct {
	At        time.Time `json:"at"`
	Age       int64     `json:"age_ms"`
	LeaseLeft int64     `json:"lease_left_ms"` // negative when it has run out
}

// readyz answers whether a client that came now would be admitted.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	if !askedWell(w, r) {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), healthTimeout)
	defer cancel()
	told := s.readiness(s.config.Presence.Health(ctx))
	status := http.StatusOK
	if told.Reason != "" {
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", retryAfter)
	}
	body, err := json.Marshal(told)
	if err != nil {
		unavailable(w)
		return
	}
	answer(w, status, body)
}

func (s *Server) readiness(h rollcall.Health) readiness {
	told := readiness{
		Status: "ok", Reason: h.Obstacle,
		Sockets: s.sockets.count(), MaxConnections: s.config.MaxConnections, Sessions: h.Sessions,
	}
	switch {
	case s.draining.Load():
		told.Reason = rollcall.ObstacleDraining
	case told.Reason == "" && told.Sockets >= told.MaxConnections:
		told.Reason = rollcall.ObstacleFull
	}
	if told.Reason != "" {
		told.Status = "unavailable"
	}
	if !h.Committed.IsZero() {
		age := time.Since(h.Committed)
		told.Commit = &lastCommit{h.Committed.UTC(), age.Milliseconds(), (h.Lease - age).Milliseconds()}
	}
	return told
}

// askedWell answers for a request that is none of the health's.
func askedWell(w http.ResponseWriter, r *http.Request) bool {
	w.Header().Set("Cache-Control", "no-store")
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", healthMethods)
	fail(w, http.StatusMethodNotAllowed, fmt.Sprintf("Method %q not allowed.", r.Method))
	return false
}
