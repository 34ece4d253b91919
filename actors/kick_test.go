package actors

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/rollcall/rollcall"
)

// An operator writes a user as they like, and so does the client that is on its way
// in: it is the same user.
func TestKickMeansEverySpelling(t *testing.T) {
	now := time.Date(2025, 10, 21, 12, 30, 0, 0, time.UTC)
	r := crowd(1, now)
	waits := uuid.New()
	r.connect(waits, rollcall.Connect{Email: "User0@Example.com"}, now, now.Add(time.Minute))
	o := r.kick("USER0@example.com", uuid.Nil, rollcall.CloseDisconnected, now)
	if len(o.refused) != 1 || o.refused[0] != (verdict{waits, rollcall.CloseDisconnected}) {
		t.Errorf("of one who waits %v are refused", o.refused)
	}
	if len(o.ended) != 1 || o.ended[0] != (verdict{r.here[0].id, rollcall.CloseDisconnected}) {
		t.Errorf("of one who is here %v are ended", o.ended)
	}
}
