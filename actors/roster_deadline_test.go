package actors

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/rollcall/rollcall"
)

// Under policy oldest connects wait behind the first of their user. Whoever has
// waited there for too long is gone, and must not take its place later.
func TestConnectBehindAnotherExpiresByItself(t *testing.T) {
	r := newRoster(rollcall.PolicyOldest, rollcall.Email.Fold, newFeed(newWindow()))
	began := time.Now()
	first, second, third := uuid.New(), uuid.New(), uuid.New()
	c := rollcall.Connect{Email: "alice@example.com"}
	r.connect(first, c, began, began.Add(time.Minute))
	r.connect(second, c, began, began.Add(time.Second))
	r.connect(third, c, began, began.Add(time.Minute))
	if o := r.expire(began.Add(time.Second - 1)); len(o.refused) != 0 {
		t.Errorf("%v were refused before their deadline", o.refused)
	}
	o := r.expire(began.Add(time.Second))
	if len(o.refused) != 1 || o.refused[0] != (verdict{second, rollcall.CloseTryAgainLater}) {
		t.Errorf("%v were refused at the deadline of %s", o.refused, second)
	}
	if behind := r.members[first].behind; len(behind) != 1 || behind[0].id != third {
		t.Errorf("%d connects are behind the first, want the third alone", len(behind))
	}
}
