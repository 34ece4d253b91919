package actors

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/rollcall/rollcall"
)

// Thousands who talk are thousands of rows to touch, in several batches. Whoever
// comes or goes meanwhile must be in the next one, with some of the activity beside
// it and not all: nobody waits for that.
func TestConnectsGoBeforeActivity(t *testing.T) {
	const talking, rounds = 3 * maxBatch, 3 * maxBatch / touchesBeside
	now := time.Date(2025, 10, 21, 12, 30, 0, 0, time.UTC)
	r := crowd(talking, now)
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

// A storm of connects fills every batch for minutes. Activity has its share of each,
// or those who talk would seem to be silent for so long.
func TestActivityGoesOnInAStorm(t *testing.T) {
	const share = maxBatch / touchesShare
	const talking = 5 * share
	now := time.Date(2025, 10, 21, 12, 30, 0, 0, time.UTC)
	r := crowd(talking, now)
	for _, m := range r.here {
		r.touch(m.id, now.Add(time.Second))
	}
	r.flush()
	come := func() {
		for range maxBatch {
			r.connect(uuid.New(), rollcall.Connect{Email: email(len(r.members))}, now, now.Add(time.Minute))
		}
	}
	for round := range talking / share {
		come()
		if b := writeBatch(r, now); len(b.Touches) != share || len(b.Inserts) != maxBatch-share {
			t.Fatalf("batch %d has %d touches and %d connects, want %d of %d", round, len(b.Touches), len(b.Inserts), share, maxBatch)
		}
	}
	come()
	if b := writeBatch(r, now); len(b.Inserts) != maxBatch {
		t.Errorf("no activity is due, and a batch has %d connects, want %d", len(b.Inserts), maxBatch)
	}
}

// After a rejected batch there may be room for two, or for one alone: then it is a
// change's, since those are what the database rejects.
func TestActivityHasNoShareOfOne(t *testing.T) {
	now := time.Date(2025, 10, 21, 12, 30, 0, 0, time.UTC)
	r := crowd(2, now)
	for _, m := range r.here {
		r.touch(m.id, now.Add(time.Second))
	}
	r.flush()
	for n := range 4 {
		r.connect(uuid.New(), rollcall.Connect{Email: email(2 + n)}, now, now.Add(time.Minute))
	}
	for touches := range 2 {
		room := touches + 1
		r.room = room
		if b := writeBatch(r, now); len(b.Inserts) != 1 || len(b.Touches) != touches {
			t.Errorf("with room for %d a batch has %d connects and %d touches, want 1 and %d", room, len(b.Inserts), len(b.Touches), touches)
		}
	}
}

// A database that is away for an hour, and thousands who talk all the time: what
// waits for it must be as much as there are talkers, and not as there were words.
// Nothing of it may be forgotten either.
func TestActivityStandsInLineOnce(t *testing.T) {
	for name, away := range map[string]func(*roster){
		"their rows are there":   func(*roster) {},
		"their rows are unknown": func(r *roster) { r.doubtRows() },
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Date(2025, 10, 21, 12, 30, 0, 0, time.UTC)
			r := crowd(2*maxBatch, now)
			talk := func() {
				now = now.Add(time.Second)
				for _, m := range r.here {
					r.touch(m.id, now)
				}
				r.flush()
			}
			away(r)
			for range 20 {
				talk()
				_, number, _ := r.batch(true)
				talk()
				r.failed(number, errNoAnswer, now)
			}
			if n := len(r.due) + len(r.touched); n > len(r.here) {
				t.Errorf("%d are in line, and %d are here", n, len(r.here))
			}
			written := make(map[rollcall.SessionID]time.Time)
			for b := writeBatch(r, now); b.Len() > 0; b = writeBatch(r, now) {
				for _, c := range append(b.Touches, b.Inserts...) {
					written[c.Session] = c.LastActivity
				}
			}
			for _, m := range r.here {
				if !written[m.id].Equal(now) {
					t.Fatalf("the activity of %v was written as %v", now, written[m.id])
				}
			}
		})
	}
}

// A connect that is refused after it may have been written is deleted like a session
// that ended. Only the latter is how a user leaves.
func TestDeletesSayWhoWasAdmitted(t *testing.T) {
	now := time.Date(2025, 10, 21, 12, 30, 0, 0, time.UTC)
	r := crowd(1, now)
	stayed, refused := r.here[0].id, uuid.New()
	r.connect(refused, rollcall.Connect{Email: email(0)}, now, now.Add(time.Minute))
	_, number, _ := r.batch(false)
	r.leave(stayed, "closed", now, time.Time{})
	r.failed(number, errNoAnswer, now)
	r.expire(now.Add(time.Minute))
	b, _, _ := r.batch(false)
	if len(b.Deletes) != 2 {
		t.Fatalf("the batch is %+v, want two deletes", b)
	}
	for _, c := range b.Deletes {
		if c.Admitted != (c.Session == stayed) {
			t.Errorf("a delete is %+v, and admitted was %s", c, stayed)
		}
	}
}

// crowd is a roster with so many users, each with a session and its row.
func crowd(users int, now time.Time) *roster {
	r := newRoster(rollcall.PolicyMany, rollcall.Email.Fold, newFeed(newWindow()))
	for n := range users {
		r.connect(uuid.New(), rollcall.Connect{Email: email(n)}, now, now.Add(time.Minute))
	}
	for writeBatch(r, now).Len() > 0 {
	}
	return r
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
