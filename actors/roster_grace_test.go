package actors

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/rollcall/rollcall"
)

// Whoever comes back and leaves again has the whole grace again: the end of the one
// before is nothing to them.
func TestEachAbsenceHasItsOwnGrace(t *testing.T) {
	now := time.Date(2025, 10, 21, 12, 30, 0, 0, time.UTC)
	after := func(seconds int) time.Time { return now.Add(time.Duration(seconds) * time.Second) }
	r := crowd(1, now)
	r.leave(r.here[0].id, "closed", now, after(5))
	r.connect(uuid.New(), rollcall.Connect{Email: email(0)}, after(1), after(61))
	writeBatch(r, after(1))
	r.leave(r.here[0].id, "closed", after(2), after(7))
	for second, want := range []int{1, 1, 1, 1, 1, 1, 1, 0} {
		r.expire(after(second))
		if n := r.order.snapshot().Count; n != want {
			t.Errorf("in second %d, of a grace from 2 to 7, %d are listed, want %d", second, n, want)
		}
	}
}
