package transport

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/rollcall/rollcall"
)

// Clients who open connections and say nothing, or begin a request and never
// end it, must not use up the open files: the one who has waited longest goes,
// and whoever asks is answered.
func TestSilentVisitorsMakeRoom(t *testing.T) {
	s := start(t, func(c *Config) { c.MaxConnections = 2 })
	admitted := dial(t, s, "/ws/connect/?email=user@example.com")
	admitted.read()
	var silent []net.Conn
	for i := range 3 * maxVisitors {
		c := rawDial(t, s)
		if i%2 == 0 {
			_, _ = io.WriteString(c, "GET /api/hms/active-connections HTTP/1.1\r\nHost: ")
		}
		silent = append(silent, c)
	}
	if status, _, _ := visit(t, s, "/livez"); status != http.StatusOK {
		t.Errorf("livez answers %d", status)
	}
	if _, err := silent[0].Read(make([]byte, 1)); err == nil {
		t.Error("the first visitor was answered, and had asked nothing")
	}
	last := silent[len(silent)-1]
	_ = last.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := last.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the last visitor was sent away before the others: %v", err)
	}
	admitted.write(1, `{"message": "undisturbed"}`)
	admitted.read()
}

// What has become a socket is counted there, and an answer under way is not cut
// off: neither may be sent away.
func TestVisitorsForgetWhoBecameASocket(t *testing.T) {
	places := newSockets(0, 0)
	v := newVisitors(places)
	enter := func() (net.Conn, net.Conn) {
		here, there := net.Pipe()
		t.Cleanup(func() { _, _ = here.Close(), there.Close() })
		v.enter(t.Context(), here)
		return here, there
	}
	socket, _ := enter()
	v.changed(socket, http.StateHijacked)
	asking, there := enter()
	v.serve(v.open[asking])
	for range maxVisitors {
		enter()
	}
	if len(v.open) != maxVisitors || v.open[asking] == nil || v.waiting.Len() != maxVisitors-1 {
		t.Errorf("%d are open and %d of them wait, want %d and one less", len(v.open), v.waiting.Len(), maxVisitors)
	}
	v.changed(asking, http.StateIdle)
	if v.waiting.Back().Value.(*visitor).conn != asking {
		t.Error("who was answered is not the last in the line")
	}
	v.changed(asking, http.StateClosed)
	if len(v.open) != maxVisitors-1 || v.waiting.Len() != maxVisitors-1 {
		t.Errorf("%d are open and %d of them wait after one is closed", len(v.open), v.waiting.Len())
	}
	_ = there.SetDeadline(time.Now())
}

// One clock beats for all sockets: a crash over one of them must not stop it,
// nor the process.
func TestHeartbeatSurvivesASocketThatCrashesIt(t *testing.T) {
	s := start(t, func(c *Config) { c.PingInterval, c.PongTimeout = 500*time.Millisecond, 20*time.Millisecond })
	hurt, silent := dial(t, s, "/ws/connect/?email=user@example.com"), dial(t, s, "/ws/connect/?email=alice@example.com")
	hurt.read()
	silent.read()
	within(t, "the session to be planted", func() bool {
		planted := false
		for _, one := range s.sockets.all() {
			one.mu.Lock()
			if session, ok := one.session.(*fakeSession); ok && session.Email == "user@example.com" {
				one.session, planted = crashing{session}, true
			}
			one.mu.Unlock()
		}
		return planted
	})
	// Neither reads, so neither answers a ping.
	within(t, "both sockets to end", func() bool { return s.sockets.count() == 0 })
	within(t, "the other session to leave", func() bool { return s.presence.online() == 1 })
	if _, _, err := hurt.ReadMessage(); err == nil {
		t.Error("the socket that crashed is open")
	}
}

// crashing is a session that crashes whoever tells it of its socket's end.
type crashing struct{ rollcall.Session }

func (crashing) Leave() { panic("fault: the session") }
