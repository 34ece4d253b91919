package transport

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/rollcall/rollcall"
)

// BenchmarkStreamTell is what the server does for one of 1,000 watchers each tenth of
// a second, while 500 users a second come or go: 50 events, in one write to a socket
// whose other end reads.
func BenchmarkStreamTell(b *testing.B) {
	const watchers, together = 1000, 50
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	failed := make(chan error, 1)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t := &stream{
			server: &Server{written: newStretches()}, call: &call{Request: r, w: w},
			control: http.NewResponseController(w),
		}
		failed <- tellAll(b, t, watchers, together)
	})}
	go func() { _ = server.Serve(l) }()
	b.Cleanup(func() { _ = server.Close() })
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: here\r\n\r\n"); err != nil {
		b.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, conn) }()
	if err := <-failed; err != nil {
		b.Fatal(err)
	}
}

// tellAll tells the same events to one stream as often as there are watchers, and
// then others.
func tellAll(b *testing.B, t *stream, watchers, together int) error {
	b.ReportAllocs()
	var events []rollcall.Event
	for told := 0; b.Loop(); told++ {
		if told%watchers == 0 {
			events = someEvents(told, together)
		}
		if err := t.tell(b.Context(), events); err != nil {
			return err
		}
	}
	return nil
}

func someEvents(first, count int) []rollcall.Event {
	events := make([]rollcall.Event, count)
	now := time.Now()
	for i := range events {
		events[i] = rollcall.Event{
			ID: fmt.Sprintf("2w5hvkzq1l8j9-%d", first+i), Kind: rollcall.EventJoin, At: now,
			Entry: rollcall.Entry{Email: rollcall.Email(fmt.Sprintf("bench%d@bench.invalid", i)), ConnectedAt: now, LastActivity: now},
		}
	}
	return events
}
