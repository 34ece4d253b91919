package actors

import (
	"runtime"
	"slices"
	"testing"
	"time"
	"weak"

	"github.com/google/uuid"

	"github.com/rollcall/rollcall"
)

func TestLineForgetsWhoWasTaken(t *testing.T) {
	line := []*user{{}, {}, {}}
	left := rest(line, 2)
	if len(left) != 1 || left[0] != line[2] || line[0] != nil || line[1] != nil {
		t.Errorf("of %v the first two were taken, and %v is left", line, left)
	}
	if left = rest(left, 1); left != nil {
		t.Errorf("an empty line still has room for %d", cap(left))
	}
}

// A member holds its socket, and that holds its buffers. Whoever has gone must not
// stay in memory because of a line that it stood in: there may be nobody behind it
// for hours.
func TestWhoHasGoneIsNotHeld(t *testing.T) {
	now := time.Date(2025, 10, 21, 12, 30, 0, 0, time.UTC)
	r := crowd(100, now)
	r.connect(uuid.New(), rollcall.Connect{Email: email(0)}, now, now.Add(time.Minute)) // the second session of who stays
	writeBatch(r, now)
	for _, m := range r.here {
		r.touch(m.id, now.Add(time.Second))
	}
	r.flush()
	for writeBatch(r, now).Len() > 0 {
	}
	r.order.tellActivity()
	var members []weak.Pointer[member]
	var users []weak.Pointer[user]
	for _, m := range slices.Clone(r.here[1:]) {
		members, users = append(members, weak.Make(m)), append(users, weak.Make(m.user))
		r.leave(m.id, "closed", now, now.Add(time.Second))
	}
	r.expire(now.Add(time.Second))
	for writeBatch(r, now).Len() > 0 {
	}
	runtime.GC()
	for i := range members {
		if members[i].Value() != nil {
			t.Fatalf("the member who left as number %d is still in memory", i)
		}
		if u := users[i].Value(); u != nil && len(u.members) == 0 {
			t.Fatalf("the user who left as number %d is still in memory", i)
		}
	}
	runtime.KeepAlive(r)
}

// Pulses are a chain while they wait for the registry. Afterwards who is silent must
// not hold those who were behind, who hold others in turn.
func TestTakenPulseHoldsNoOther(t *testing.T) {
	var b beats
	all := []*pulse{{}, {}, {}}
	for _, p := range all {
		b.push(p, time.Now())
	}
	for p := b.pop(); p != nil; p = b.pop() {
		p.take()
	}
	for i, p := range all {
		if p.next != nil {
			t.Errorf("pulse %d was taken, and holds another", i)
		}
	}
}
