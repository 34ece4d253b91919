package actors

import (
	"testing"
	"time"
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
