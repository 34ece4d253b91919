package transport

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rollcall/rollcall"
)

const (
	// snapshotTimeout is how long the REST query waits for the registry, which
	// answers in microseconds unless it has crashed.
	snapshotTimeout = 5 * time.Second
	// leastGzip is the smallest body that is worth compressing.
	leastGzip = 1 << 10
	// entrySize is about what one entry takes in JSON.
	entrySize = 128

	activePath    = "/api/hms/active-connections"
	activeMethods = "GET, HEAD"
	// nodeHeader names the server whose list it is: a list has the users of one
	// node, and whoever compares it with the database must know which.
	nodeHeader = "Rollcall-Node"
)

// activeConnections answers who is online, from the registry's memory.
func (s *Server) activeConnections(w http.ResponseWriter, r *http.Request) {
	if allowAnyOrigin(w, r, activeMethods) {
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
	ctx, cancel := context.WithTimeout(r.Context(), snapshotTimeout)
	defer cancel()
	snapshot, err := s.config.Presence.Snapshot(ctx)
	if err != nil {
		s.config.Logger.Warn("no snapshot", "error", err)
		unavailable(w)
		return
	}
	body := appendActive(make([]byte, 0, entrySize*(snapshot.Count+1)), snapshot)
	if len(body) >= leastGzip && acceptsGzip(r.Header) {
		h.Set("Content-Encoding", "gzip")
		body = compressed(body)
	}
	answer(w, http.StatusOK, body)
}

// appendActive appends a snapshot as the seed's answer.
func appendActive(b []byte, s rollcall.Snapshot) []byte {
	b = append(b, `{"status":"success","count":`...)
	b = strconv.AppendInt(b, int64(s.Count), 10)
	b = append(b, `,"active_connections":[`...)
	first := true
	for e := range s.Entries {
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, `{"email":`...)
		b = appendJSON(b, string(e.Email))
		b = append(b, `,"connected_at":"`...)
		b = appendTime(b, e.ConnectedAt)
		b = append(b, `","last_activity":"`...)
		b = appendTime(b, e.LastActivity)
		b = append(b, `"}`...)
	}
	return append(b, `]}`...)
}

// appendTime appends a time as Django does: with six digits of fraction, or
// none when they are zero. RFC3339Nano would trim them.
func appendTime(b []byte, t time.Time) []byte {
	layout := "2006-01-02T15:04:05.000000Z"
	if t.Nanosecond() < int(time.Microsecond) {
		layout = "2006-01-02T15:04:05Z"
	}
	return t.UTC().AppendFormat(b, layout)
}

// appendJSON appends a JSON string. Most are plain ASCII.
func appendJSON(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			var quoted bytes.Buffer
			e := json.NewEncoder(&quoted)
			e.SetEscapeHTML(false)
			_ = e.Encode(s) // strings always encode
			return append(b, bytes.TrimSuffix(quoted.Bytes(), []byte("\n"))...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
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

var gzips = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is valid
	return z
}}

func compressed(body []byte) []byte {
	z := gzips.Get().(*gzip.Writer)
	defer gzips.Put(z)
	var out bytes.Buffer
	z.Reset(&out)
	_, _ = z.Write(body) // cannot fail: it goes to memory
	_ = z.Close()
	return out.Bytes()
}
