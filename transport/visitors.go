package transport

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// maxVisitors is how many connections may be open beside the sockets that there
// are places for. Beyond it, whoever has kept the server waiting for a request
// the longest is sent away. It is less than the open files that are kept from
// sockets, so that clients who open connections and say nothing cannot use them
// up, and whoever asks something is answered.
const maxVisitors = 128

// visitors is every connection that has not become a socket. Those that the
// server waits for, because no request has come, or not all of its head, are in
// the order in which the waiting began.
type visitors struct {
	sockets *sockets
	mu      sync.Mutex // guards what follows
	open    map[net.Conn]*visitor
	waiting list.List // of *visitor, who waits longest first
	streams int       // how many of the open have a place as a watcher, and none here
}

type visitor struct {
	conn    net.Conn
	line    *list.Element // its place among the waiting; nil while it is answered
	watches bool
}

func newVisitors(s *sockets) *visitors {
	return &visitors{sockets: s, open: make(map[net.Conn]*visitor)}
}

// visitorKey is where the context of a connection has its visitor.
type visitorKey struct{}

// enter is called with each connection that is accepted, before it is read.
func (v *visitors) enter(ctx context.Context, c net.Conn) context.Context {
	v.mu.Lock()
	defer v.mu.Unlock()
	one := &visitor{conn: c}
	one.line = v.waiting.PushBack(one)
	v.open[c] = one
	for len(v.open)-v.streams+v.sockets.count() > v.sockets.most+maxVisitors && v.waiting.Len() > 0 {
		v.remove(v.waiting.Front().Value.(*visitor))
	}
	return context.WithValue(ctx, visitorKey{}, one)
}

// remove sends a visitor away. The caller holds the lock.
func (v *visitors) remove(one *visitor) {
	v.forget(one)
	_ = one.conn.Close()
}

func (v *visitors) forget(one *visitor) {
	if _, open := v.open[one.conn]; open && one.watches {
		v.streams--
	}
	delete(v.open, one.conn)
	if one.line != nil {
		v.waiting.Remove(one.line)
		one.line = nil
	}
}

// answering takes the visitor of a request out of the line while it is answered.
func (v *visitors) answering(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if one, ok := r.Context().Value(visitorKey{}).(*visitor); ok {
			v.serve(one)
		}
		if r.ContentLength != 0 {
			// Hardly anybody reads a body here, and net/http would wait for one that
			// was announced before it lets go of the connection. A handler that wants
			// it gives it time: see call.body.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now())
		}
		handler.ServeHTTP(w, r)
	})
}

func (v *visitors) serve(one *visitor) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if one.line != nil {
		v.waiting.Remove(one.line)
		one.line = nil
	}
}

// watch makes the visitor of a request a watcher until the function is called:
// watchers have places of their own, and must not fill those of visitors. The
// kernel keeps little for a watcher, so that one who does not read is noticed.
func (v *visitors) watch(ctx context.Context) (end func()) {
	one, ok := ctx.Value(visitorKey{}).(*visitor)
	if !ok {
		return func() {}
	}
	if conn, ok := one.conn.(*net.TCPConn); ok {
		_ = conn.SetWriteBuffer(streamBuffer) // else the kernel's own limit, which is larger
	}
	v.counts(one, true)
	return func() { v.counts(one, false) }
}

// counts notes whether a visitor that is still open has a place as a watcher.
func (v *visitors) counts(one *visitor, watches bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, open := v.open[one.conn]; !open || one.watches == watches {
		return
	}
	if one.watches = watches; watches {
		v.streams++
	} else {
		v.streams--
	}
}

// changed follows what the HTTP server says of a connection: one that is idle
// goes to the end of the line, one that has become a socket is no visitor.
func (v *visitors) changed(c net.Conn, state http.ConnState) {
	v.mu.Lock()
	defer v.mu.Unlock()
	one := v.open[c]
	switch {
	case one == nil:
	case state == http.StateIdle && one.line == nil:
		one.line = v.waiting.PushBack(one)
	case state == http.StateHijacked, state == http.StateClosed:
		v.forget(one)
	}
}
