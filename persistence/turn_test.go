package persistence_test

import (
	"testing"
	"time"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/persistence"
)

// Two servers that post at a time would post everything twice and, where one is
// slow, out of order. One has the turn, until its end by the clock of the database.
func TestOneNodeHasTheTurn(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		a, b := f.announcing(t, "a"), f.announcing(t, "b")
		wantTaken(t, "with an empty outbox", a)
		commit(t, a, inserts(arrival(ada, noon)))
		wantTaken(t, "by the first who asks", a, ada)
		wantTaken(t, "by the other", b)
		wantTaken(t, "by the first again", a, ada)
		f.endTurn(t)
		wantTaken(t, "by the other, after the turn", b, ada)
		wantTaken(t, "by the first, meanwhile", a)
		must(t, a.Yield(t.Context())) // which is not its turn any more
		wantTaken(t, "by the first, after it yielded nothing", a)
		must(t, b.Yield(t.Context()))
		wantTaken(t, "by the first, after the other yielded", a, ada)
	})
}

// A server that was killed in its turn is started again under its name, and goes on
// at once; its predecessor, should it live, has lost the turn.
func TestSuccessorHasTheTurnOfItsPredecessor(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		old := f.announcing(t, "a")
		commit(t, old, inserts(arrival(ada, noon)))
		wantTaken(t, "by the first", old, ada)
		successor := f.announcing(t, "a")
		wantTaken(t, "by the successor", successor, ada, ada)
		wantTaken(t, "by the predecessor", old)
	})
}

// What was accepted is gone, whoever has the turn by then; everything else stays, in
// its order, and no more is taken than was asked for.
func TestNoticesStayUntilTheyAreAccepted(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n, other := f.announcing(t, "a"), f.announcing(t, "b")
		for i, u := range []rollcall.Email{ada, grace, linus} {
			commit(t, n, inserts(arrival(u, noon.Add(time.Duration(i)*time.Second))))
		}
		taken, err := n.Take(t.Context(), 2, time.Minute)
		must(t, err)
		equal(t, "notices", taken.Notices,
			rollcall.Notice{ID: taken.Notices[0].ID, Kind: rollcall.EventJoin, Email: ada, At: noon, ConnectedAt: noon},
			rollcall.Notice{ID: taken.Notices[1].ID, Kind: rollcall.EventJoin, Email: grace, At: noon.Add(time.Second), ConnectedAt: noon.Add(time.Second)})
		wantTaken(t, "before they are accepted", n, ada, grace, linus)
		f.endTurn(t)
		wantTaken(t, "by the other", other, ada, grace, linus)
		must(t, n.Accept(t.Context(), taken.Notices))
		wantTaken(t, "after they were accepted", other, linus)
	})
}

// A receiver that is down must be left alone for a while, by every server; how often
// it failed is known to whoever tries next.
func TestPauseBindsAllNodes(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		a, b := f.announcing(t, "a"), f.announcing(t, "b")
		commit(t, a, inserts(arrival(ada, noon)))
		for failures := range 3 {
			taken := wantTaken(t, "after the pause", a, ada)
			if taken.Failures != failures {
				t.Errorf("%d failures are known, want %d", taken.Failures, failures)
			}
			must(t, b.Postpone(t.Context(), time.Hour)) // which has not the turn
			must(t, a.Postpone(t.Context(), time.Hour))
			wantTaken(t, "in the pause", a)
			wantTaken(t, "in the pause, by the other", b)
			if left := time.Until(f.audit(t).Outbox.Until); left < 59*time.Minute || left > 61*time.Minute {
				t.Errorf("the audit says that the pause lasts for %s", left)
			}
			f.exec(t, "UPDATE outbox_turn SET not_before = '2001-01-01 00:00:00+00:00'")
		}
		if got := f.audit(t).Outbox; got.Waiting != 1 || got.Failures != 3 || !got.Until.IsZero() || got.Oldest.Before(time.Now().Add(-time.Minute)) {
			t.Errorf("the audit says %+v", got)
		}
		taken := wantTaken(t, "by the other, after the pause", b, ada)
		must(t, b.Accept(t.Context(), taken.Notices))
		commit(t, a, inserts(arrival(grace, noon)))
		if taken := wantTaken(t, "after a success", b, grace); taken.Failures != 0 {
			t.Errorf("after a success %d failures are known", taken.Failures)
		}
	})
}

// Whoever has given the servers another webhook starts them again, and must not wait for
// what the old one has asked for.
func TestPauseEndsWhenAServerStartsThatAnnounces(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		a := f.announcing(t, "a")
		commit(t, a, inserts(arrival(ada, noon)))
		wantTaken(t, "at first", a, ada)
		must(t, a.Postpone(t.Context(), time.Hour))
		f.join(t, "silent")
		wantTaken(t, "when one has started that has no webhook", a)
		b := f.announcing(t, "b")
		if taken := wantTaken(t, "when one has started", b, ada); taken.Failures != 1 {
			t.Errorf("%d failures are known, want 1", taken.Failures)
		}
	})
}

// A notice that nobody wanted for a day is given up, and counted, so that the ones
// behind it are not held up for ever; a younger one is not.
func TestNoticeIsGivenUpAfterADay(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n := f.announcing(t, "a")
		commit(t, n, inserts(arrival(ada, noon), arrival(grace, noon), arrival(linus, noon)))
		f.age(t, 24*time.Hour+time.Second, ada)
		f.age(t, 25*time.Hour, grace)
		f.age(t, 24*time.Hour-time.Minute, linus)
		if taken := wantTaken(t, "after a day", n, linus); taken.GivenUp != 2 {
			t.Errorf("%d were given up, want 2", taken.GivenUp)
		}
		if taken := wantTaken(t, "again", n, linus); taken.GivenUp != 0 {
			t.Errorf("%d were given up again", taken.GivenUp)
		}
		if got := f.audit(t).Outbox; got.Waiting != 1 || got.GivenUp != 2 {
			t.Errorf("the audit says %+v", got)
		}
	})
}

// wantTaken takes for a minute, and compares whose notices that are.
func wantTaken(t *testing.T, what string, n *persistence.Node, want ...rollcall.Email) rollcall.Taken {
	t.Helper()
	taken, err := n.Take(t.Context(), 10, time.Minute)
	must(t, err)
	var got []rollcall.Email
	for _, notice := range taken.Notices {
		got = append(got, notice.Email)
	}
	equal(t, "taken "+what, got, want...)
	return taken
}

// endTurn lets the turn run out.
func (f *fixture) endTurn(t *testing.T) {
	t.Helper()
	f.exec(t, "UPDATE outbox_turn SET expires_at = '2001-01-01 00:00:00+00:00'")
}
