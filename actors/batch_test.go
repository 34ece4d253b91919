package actors

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/rollcall/rollcall"
)

// Thousands who talk are thousands of rows to touch, in several batches. Whoever
// comes or goes meanwhile must be in the next one, and activity not be forgotten
// however many come.
func TestConnectsGoBeforeActivity(t *testing.T) {
	const talking, rounds = 3 * maxBatch, 3 * maxBatch / touchesBeside
	now := time.Date(2025, 10, 21, 12, 30, 0, 0, time.UTC)
	r := newRoster(rollcall.PolicyMany, rollcall.Email.Fold, newFeed(newWindow()))
	for n := range talking {
		r.connect(uuid.New(), rollcall.Connect{Email: email(n)}, now, now.Add(time.Minute))
	}
	for writeBatch(r, now).Len() > 0 {
	}
	for _, m := range r.here {
		r.touch(m.id, now.Add(time.Second))
	}
	r.flush()
	touched := 0
	for n := range rounds {
		r.connect(uuid.New(), rollcall.Connect{Email: email(talking + n)}, now, now.Add(time.Minute))
		b := writeBatch(r, now)
		if len(b.Inserts) != 1 {
			t.Fatalf("batch %d has %d connects, want the one that came before it", n, len(b.Inserts))
		}
		if len(b.Touches) > touchesBeside {
			t.Fatalf("a connect waits for %d touches, want at most %d", len(b.Touches), touchesBeside)
		}
		touched += len(b.Touches)
	}
	if touched != talking {
		t.Errorf("%d of %d touches were written", touched, talking)
	}
}

// writeBatch makes the next batch and commits it; everybody in it is a user.
func writeBatch(r *roster, now time.Time) rollcall.Batch {
	b, number, _ := r.batch(false)
	users := make(map[rollcall.Email]rollcall.Entry)
	for _, c := range b.Inserts {
		users[c.Email] = rollcall.Entry{Email: c.Email, ConnectedAt: c.Since, LastActivity: c.UserActivity}
	}
	r.committed(number, rollcall.Result{Users: users}, now)
	return b
}

func email(n int) rollcall.Email { return rollcall.Email(fmt.Sprintf("user%d@example.com", n)) }
