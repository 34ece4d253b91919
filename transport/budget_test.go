package transport

import (
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/rollcall/rollcall"
)

// When many hold much, whoever holds little goes on as before, and a long
// message is told to come again. With the memory back, so is room for it.
func TestShortMemoryEndsOnlyLongMessages(t *testing.T) {
	s := start(t)
	short := dial(t, s, "/ws/connect/?email=user@example.com")
	short.read()
	long := `{"message": "` + strings.Repeat("x", 2*heldShare) + `"}`
	s.sockets.budget.held.Add(maxHeld)
	short.write(websocket.TextMessage, `{"message": "short"}`)
	if got := short.read(); !strings.Contains(got, "short") {
		t.Errorf("a short message was answered %s", got)
	}
	refused := dial(t, s, "/ws/connect/?email=user@example.com")
	refused.read()
	refused.write(websocket.TextMessage, long)
	refused.wantClose(rollcall.CloseShortOfMemory)
	s.sockets.budget.held.Add(-maxHeld)
	short.write(websocket.TextMessage, long)
	if got := short.read(); len(got) < 2*heldShare {
		t.Errorf("with the memory back a long message was answered %.80s", got)
	}
}

// What a socket held when it went must not be missing for ever: neither frames
// that were not answered nor replies that were not written.
func TestGoneSocketsHoldNothing(t *testing.T) {
	s := start(t)
	for range 10 {
		raw := upgraded(t, s, "/ws/connect/?email=user@example.com")
		message := masked(0x81, `{"message": "`+strings.Repeat("\x7f", 100_000)+`"}`)
		for range 3 {
			if _, err := raw.Write(message); err != nil {
				break
			}
		}
		_ = raw.Close()
	}
	crashed := dial(t, s, "/ws/connect/?email=user@example.com")
	crashed.read()
	one := s.sockets.all()[0]
	one.mu.Lock()
	one.held.hold(1000) // a frame that its session never releases
	one.mu.Unlock()
	_ = crashed.Close()
	within(t, "every socket to be gone", func() bool { return s.sockets.count() == 0 })
	if held := s.sockets.budget.held.Load(); held != 0 {
		t.Errorf("%d bytes are held by nobody", held)
	}
}
