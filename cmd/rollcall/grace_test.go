package main

import (
	"syscall"
	"testing"

	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// A page that is loaded again is nobody who left: the user's row and entry are those
// of before, whichever database keeps them, and only the old session is replaced.
func TestUserWhoComesBackInTheGraceIsHereSinceBefore(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.serve("--grace=1m")
		p.connect(user(0)).leave()
		before := p.entries()
		if len(before) != 1 {
			t.Fatalf("the list is %v a moment after the user left", before)
		}
		p.connect(user(0))
		p.wantOnline(user(0)) // with one session, and the row that is the entry
		if after := p.entries(); !after[0].ConnectedAt.Equal(before[0].ConnectedAt) {
			t.Errorf("the user is here since %v, and was since %v", after[0].ConnectedAt, before[0].ConnectedAt)
		}
		p.signal(syscall.SIGTERM)
		p.wantExit(0)
		if rows := persistencetest.Active(w, w.url); len(rows) != 0 {
			t.Errorf("after a drain the rows are %v", rows)
		}
	})
}

// Who stays away goes from the list and both tables together, and a server that
// drains waits for nobody.
func TestUserWhoStaysAwayIsGoneWithTheGrace(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.serve("--grace=100ms")
		p.connect(user(0)).leave()
		p.wantOnline()
		p.signal(syscall.SIGTERM)
		p.wantExit(0)
		p = w.serve("--grace=10m")
		p.connect(user(0)).leave()
		p.signal(syscall.SIGTERM)
		p.wantExit(0)
		if rows := persistencetest.Active(w, w.url); len(rows) != 0 {
			t.Errorf("after a drain the rows are %v", rows)
		}
	})
}
