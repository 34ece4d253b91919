package bench

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// A million clients take minutes. Whoever ends the bench meanwhile must not wait
// for them, nor for a server that takes nobody in.
func TestInterruptEndsTheComing(t *testing.T) {
	for name, accepts := range map[string]bool{"accepts": true, "accepts nobody": false} {
		synctest.Test(t, func(t *testing.T) {
			l := newLobby(1)
			defer func() { _ = l.Close() }()
			if accepts {
				go func() { _, _ = l.Accept() }() // and says nothing
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := l.admit(ctx, 10); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("by a server that %s it ended with %v", name, err)
			}
		})
	}
}

// By a deadline in the past, net/http ends the read of a connection that becomes a
// socket, and takes it back: nothing that the client said may be lost by that.
func TestReadInMemoryEndsAtADeadlineAndGoesOn(t *testing.T) {
	w := dialInMemory(newLobby(1), []byte("hello"))
	read := make([]byte, 10)
	for _, want := range []string{"hel", "lo"} {
		if n, err := w.Read(read[:len(want)]); err != nil || string(read[:n]) != want {
			t.Errorf("it read %q, %v, want %q", read[:n], err, want)
		}
	}
	ended := make(chan error, 1)
	go func() {
		_, err := w.Read(read)
		ended <- err
	}()
	if err := w.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](<-ended); !ok || !timeout.Timeout() {
		t.Error("the read did not end as at a deadline")
	}
	if err := w.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	w.say([]byte("again"))
	w.mu.Unlock()
	if _, err := io.ReadFull(w, read[:5]); err != nil || string(read[:5]) != "again" {
		t.Errorf("then it read %q, %v", read[:5], err)
	}
}
