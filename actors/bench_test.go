package actors

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/rollcall/rollcall"
)

// online is a roster with so many users here.
func online(b *testing.B, users int) *roster {
	b.Helper()
	r := newRoster(rollcall.PolicyMany, func(e rollcall.Email) rollcall.Email { return e }, newFeed(newWindow()))
	now := time.Now()
	for n := range users {
		r.connect(uuid.New(), rollcall.Connect{Email: rollcall.Email(fmt.Sprintf("user%d@example.com", n))}, now, now.Add(time.Hour))
	}
	for len(r.queue) > 0 {
		batch, number, _ := r.batch(false)
		result := rollcall.Result{Users: make(map[rollcall.Email]rollcall.Entry)}
		for _, c := range batch.Inserts {
			result.Users[c.Email] = rollcall.Entry{Email: c.Email, ConnectedAt: c.ConnectedAt, LastActivity: c.LastActivity}
		}
		r.committed(number, result, now)
	}
	if s := r.order.snapshot(); s.Count != users {
		b.Fatalf("%d users are here, want %d", s.Count, users)
	}
	return r
}

// BenchmarkSnapshot hands over the list of 100,000 users while one of them is
// active between any two: what the registry spends on a REST query.
func BenchmarkSnapshot(b *testing.B) {
	r := online(b, 100_000)
	var somebody rollcall.SessionID
	for somebody = range r.members {
		break
	}
	at := time.Now()
	for b.Loop() {
		at = at.Add(time.Millisecond)
		r.touch(somebody, at)
		r.order.snapshot()
	}
}
