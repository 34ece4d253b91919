package transport

import (
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/rollcall/rollcall"
)

// A socket that has said goodbye holds no goroutine while its session is still listed:
// many may say it at once.
func TestGoodbyesHoldNoGoroutine(t *testing.T) {
	const sockets = 100
	s := start(t)
	s.presence.deaf = true
	before := runtime.NumGoroutine()
	var conns []*raw
	for range sockets {
		c := upgraded(t, s, "/ws/connect/?email=user@example.com")
		c.frame() // the greeting
		conns = append(conns, c)
	}
	for _, c := range conns {
		if _, err := c.Write(masked(0x88, "\x03\xe8")); err != nil {
			t.Fatal(err)
		}
	}
	within(t, "all of them to wait without one", func() bool {
		return s.parting() == sockets && runtime.NumGoroutine() < before+sockets+sockets/2 // the fake has one for each session
	})
	for _, c := range conns {
		if opcode, payload := c.frame(); opcode != websocket.CloseMessage || string(payload) != "\x03\xe8" {
			t.Errorf("a goodbye was answered by opcode %d with %q", opcode, payload)
		}
	}
	within(t, "nobody to be left", func() bool { return s.sockets.count() == 0 })
}

// The heartbeat may be looking while a goodbye is said, and then knows no time of before:
// that must not be taken for its own, or it is answered while its session is listed.
func TestGoodbyeIsNotLateWhileItIsSaid(t *testing.T) {
	s := newSocket("nowhere", &budget{}, slog.New(slog.DiscardHandler))
	s.session = &ear{left: make(chan struct{}, 1)}
	s.writing = true // nobody writes here
	s.sayGoodbye(rollcall.CloseNormal)
	if s.calm(s.now(), time.Minute) {
		t.Error("nobody looks when it is late")
	}
	s.unfinished.Store(0) // as it was read
	if s.check(time.Minute, time.Minute); s.ended.Load() != nil {
		t.Error("it is answered at once")
	}
	s.goodbye.Store(&goodbye{rollcall.CloseNormal, s.now() - 1})
	if s.check(time.Minute, time.Minute); s.ended.Load() == nil {
		t.Error("it is not answered when it is late")
	}
}

// parting counts the sockets that wait for their session to go.
func (s *testServer) parting() (n int) {
	for _, one := range s.sockets.all() {
		one.mu.Lock()
		if one.parked != nil && one.parked.state == parts {
			n++
		}
		one.mu.Unlock()
	}
	return n
}
