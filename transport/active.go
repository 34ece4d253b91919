package transport

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

const (
	activePath    = "/api/hms/active-connections"
	activeMethods = "GET, HEAD"
	// activeHeaders are the request headers that a page from elsewhere may set.
	activeHeaders = "Authorization, If-None-Match"
	// nodeHeader names the server whose list it is: a list has the users of one
	// node, and whoever compares it with the database must know which.
	nodeHeader = "Rollcall-Node"
	// revalidate lets the client keep the list, and nobody on the way (RFC 9111
	// section 3.5 says so of whatever is asked for with a token, unless it is told
	// otherwise); and it has to ask each time whether the list is still the same.
	revalidate = "private, no-cache"
)

// activeConnections answers who is online, from the registry's memory.
func (s *Server) activeConnections(w http.ResponseWriter, r *http.Request) {
	if allowAnyOrigin(w, r, activeMethods, activeHeaders) {
		return
	}
	h := w.Header()
	h.Set("Allow", activeMethods)
	h.Set("Vary", "Accept, Accept-Encoding")
	h.Set("Cache-Control", "no-store")
	if !s.authorized(w, r) {
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		fail(w, http.StatusMethodNotAllowed, fmt.Sprintf("Method %q not allowed.", r.Method))
		return
	}
	h.Set(nodeHeader, s.config.Node)
	q := newQuery(r.Header)
	list, err := s.editions.read(r.Context(), q)
	if err != nil {
		unavailable(w) // the edition has told the log
		return
	}
	h.Set("Cache-Control", revalidate)
	h.Set("ETag", list.tag)
	if q.has {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := list.text.plain
	if q.gzip && list.text.zipped != nil {
		h.Set("Content-Encoding", "gzip")
		body = list.text.zipped
	}
	answer(w, http.StatusOK, body)
}

// acceptsGzip reads Accept-Encoding (RFC 9110 section 12.5.3) as far as gzip is
// concerned.
func acceptsGzip(h http.Header) bool {
	for item := range strings.SplitSeq(strings.Join(h["Accept-Encoding"], ","), ",") {
		coding, weight, _ := strings.Cut(strings.ToLower(item), ";")
		if name := strings.TrimSpace(coding); name != "gzip" && name != "*" {
			continue
		}
		_, q, weighed := strings.Cut(weight, "q=")
		value, err := strconv.ParseFloat(strings.TrimSpace(q), 64)
		return !weighed || err == nil && value > 0
	}
	return false
}
