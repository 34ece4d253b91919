package actors

import (
	"log/slog"
	"testing"
	"time"

	"github.com/rollcall/rollcall"
)

// The clock of a server may be set back while somebody is here. No session in the
// history may end before it began.
func TestSessionDoesNotEndBeforeItBegan(t *testing.T) {
	now := time.Date(2025, 10, 21, 12, 30, 0, 0, time.UTC)
	r := crowd(1, now)
	r.leave(r.here[0].id, "closed", now.Add(-time.Hour), time.Time{})
	if b := writeBatch(r, now); len(b.Deletes) != 1 || !b.Deletes[0].EndedAt.Equal(now) {
		t.Errorf("the session that began at %v is written as %+v", now, b.Deletes)
	}
}

// The rows of a crowd that leaves are long in going. Its sockets, which are most of
// what a session takes, must not be held until then.
func TestWhoHasLeftHoldsNoSocket(t *testing.T) {
	now := time.Date(2025, 10, 21, 12, 30, 0, 0, time.UTC)
	r := crowd(1, now)
	m := r.here[0]
	m.connect.Socket, m.pulse = struct{ rollcall.Socket }{}, &pulse{}
	r.leave(m.id, "closed", now, time.Time{})
	if m.connect.Socket != nil || m.pulse != nil {
		t.Error("it still holds what it had")
	}
	again := &registry{presence: &Presence{}, log: slog.New(slog.DiscardHandler), roster: r}
	again.leave(m.id) // as when its session's end is told twice, and there is no socket to ask
}
